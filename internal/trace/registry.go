package trace

// registry has an event's stable name and its constructor for each code. A name
// is part of the JSON output and never changes.
var registry = [NumCodes]struct {
	name string
	make func() Event
}{
	CodePacketReceived:           {"packet_received", func() Event { return new(PacketReceived) }},
	CodePacketSent:               {"packet_sent", func() Event { return new(PacketSent) }},
	CodePacketDropped:            {"packet_dropped", func() Event { return new(PacketDropped) }},
	CodePeerCreated:              {"peer_created", func() Event { return new(PeerCreated) }},
	CodePeerLocked:               {"peer_locked", func() Event { return new(PeerLocked) }},
	CodePeerUnlocked:             {"peer_unlocked", func() Event { return new(PeerUnlocked) }},
	CodePeerDeleted:              {"peer_deleted", func() Event { return new(PeerDeleted) }},
	CodeSAInserted:               {"sa_inserted", func() Event { return new(SAInserted) }},
	CodeTransition:               {"transition", func() Event { return new(Transition) }},
	CodePayloadProcessed:         {"payload_processed", func() Event { return new(PayloadProcessed) }},
	CodePayloadMalformed:         {"payload_malformed", func() Event { return new(PayloadMalformed) }},
	CodeInternalPayload:          {"internal_payload", func() Event { return new(InternalPayload) }},
	CodeVendorIDReceived:         {"vendor_id_received", func() Event { return new(VendorIDReceived) }},
	CodeNATTVendorConstructed:    {"natt_vendor_constructed", func() Event { return new(NATTVendorConstructed) }},
	CodeNATDetected:              {"nat_detected", func() Event { return new(NATDetected) }},
	CodePortsFloated:             {"ports_floated", func() Event { return new(PortsFloated) }},
	CodeKeyLookup:                {"key_lookup", func() Event { return new(KeyLookup) }},
	CodeLocalKeyFound:            {"local_key_found", func() Event { return new(LocalKeyFound) }},
	CodeProfilesScanned:          {"profiles_scanned", func() Event { return new(ProfilesScanned) }},
	CodeIKETransformOffered:      {"ike_transform_offered", func() Event { return new(IKETransformOffered) }},
	CodeIKETransformRefused:      {"ike_transform_refused", func() Event { return new(IKETransformRefused) }},
	CodeIKETransformJudged:       {"ike_transform_judged", func() Event { return new(IKETransformJudged) }},
	CodePhase1PolicyRefused:      {"phase1_policy_refused", func() Event { return new(Phase1PolicyRefused) }},
	CodeErrorCounted:             {"error_counted", func() Event { return new(ErrorCounted) }},
	CodeSKEYIDGenerated:          {"skeyid_generated", func() Event { return new(SKEYIDGenerated) }},
	CodeIDPayload:                {"id_payload", func() Event { return new(IDPayload) }},
	CodeProfileMatched:           {"profile_matched", func() Event { return new(ProfileMatched) }},
	CodeIDPayloadLength:          {"id_payload_length", func() Event { return new(IDPayloadLength) }},
	CodeAuthStatus:               {"auth_status", func() Event { return new(AuthStatus) }},
	CodeAuthenticated:            {"authenticated", func() Event { return new(Authenticated) }},
	CodeAuthenticationFailed:     {"authentication_failed", func() Event { return new(AuthenticationFailed) }},
	CodeInitialContactSent:       {"initial_contact_sent", func() Event { return new(InitialContactSent) }},
	CodeInitialContactReceived:   {"initial_contact_received", func() Event { return new(InitialContactReceived) }},
	CodePeerInserted:             {"peer_inserted", func() Event { return new(PeerInserted) }},
	CodeDPDEnabled:               {"dpd_enabled", func() Event { return new(DPDEnabled) }},
	CodeAuthenticatingAs:         {"authenticating_as", func() Event { return new(AuthenticatingAs) }},
	CodeAggressiveNotPossible:    {"aggressive_not_possible", func() Event { return new(AggressiveNotPossible) }},
	CodeMainModeBegun:            {"main_mode_begun", func() Event { return new(MainModeBegun) }},
	CodeQuickModeBegun:           {"quick_mode_begun", func() Event { return new(QuickModeBegun) }},
	CodeSADeleting:               {"sa_deleting", func() Event { return new(SADeleting) }},
	CodeNotParanoid:              {"not_paranoid", func() Event { return new(NotParanoid) }},
	CodeRetransmitting:           {"retransmitting", func() Event { return new(Retransmitting) }},
	CodeDuplicateReceived:        {"duplicate_received", func() Event { return new(DuplicateReceived) }},
	CodeRetransmissionSkipped:    {"retransmission_skipped", func() Event { return new(RetransmissionSkipped) }},
	CodeNodeCreated:              {"node_created", func() Event { return new(NodeCreated) }},
	CodeNodeDeleted:              {"node_deleted", func() Event { return new(NodeDeleted) }},
	CodeNodePurged:               {"node_purged", func() Event { return new(NodePurged) }},
	CodeNotifyReceived:           {"notify_received", func() Event { return new(NotifyReceived) }},
	CodeNotifySending:            {"notify_sending", func() Event { return new(NotifySending) }},
	CodeDeleteReceived:           {"delete_received", func() Event { return new(DeleteReceived) }},
	CodeDeleteSending:            {"delete_sending", func() Event { return new(DeleteSending) }},
	CodeDPDReceived:              {"dpd_received", func() Event { return new(DPDReceived) }},
	CodeDPDSending:               {"dpd_sending", func() Event { return new(DPDSending) }},
	CodeDPDUnanswered:            {"dpd_unanswered", func() Event { return new(DPDUnanswered) }},
	CodePeerDead:                 {"peer_dead", func() Event { return new(PeerDead) }},
	CodeRequestAttached:          {"request_attached", func() Event { return new(RequestAttached) }},
	CodeQuickModeImmediate:       {"quick_mode_immediate", func() Event { return new(QuickModeImmediate) }},
	CodeRequestFailed:            {"request_failed", func() Event { return new(RequestFailed) }},
	CodeIPsecProposalChecked:     {"ipsec_proposal_checked", func() Event { return new(IPsecProposalChecked) }},
	CodeIPsecTransformOffered:    {"ipsec_transform_offered", func() Event { return new(IPsecTransformOffered) }},
	CodeIPsecTransformRefused:    {"ipsec_transform_refused", func() Event { return new(IPsecTransformRefused) }},
	CodeIPsecTransformJudged:     {"ipsec_transform_judged", func() Event { return new(IPsecTransformJudged) }},
	CodeIPsecProposalInvalidated: {"ipsec_proposal_invalidated", func() Event { return new(IPsecProposalInvalidated) }},
	CodePhase2PolicyRefused:      {"phase2_policy_refused", func() Event { return new(Phase2PolicyRefused) }},
	CodeSPIsRequested:            {"spis_requested", func() Event { return new(SPIsRequested) }},
	CodeSPIsReceived:             {"spis_received", func() Event { return new(SPIsReceived) }},
	CodeInitiatorGetsSPI:         {"initiator_gets_spi", func() Event { return new(InitiatorGetsSPI) }},
	CodeIPsecSAsCreated:          {"ipsec_sas_created", func() Event { return new(IPsecSAsCreated) }},
	CodeIPsecSARequested:         {"ipsec_sa_requested", func() Event { return new(IPsecSARequested) }},
	CodeIPsecProposalValidating:  {"ipsec_proposal_validating", func() Event { return new(IPsecProposalValidating) }},
	CodeKeyEngineEvent:           {"key_engine_event", func() Event { return new(KeyEngineEvent) }},
	CodeIPsecSACreated:           {"ipsec_sa_created", func() Event { return new(IPsecSACreated) }},
	CodeIPsecSADeleted:           {"ipsec_sa_deleted", func() Event { return new(IPsecSADeleted) }},
	CodeIPsecDeleteNotified:      {"ipsec_delete_notified", func() Event { return new(IPsecDeleteNotified) }},
	CodeRequestTimerFired:        {"request_timer_fired", func() Event { return new(RequestTimerFired) }},
	CodeISAKMPOnOff:              {"isakmp_on_off", func() Event { return new(ISAKMPOnOff) }},
	CodeModeFailure:              {"mode_failure", func() Event { return new(ModeFailure) }},
	CodeSAPurged:                 {"sa_purged", func() Event { return new(SAPurged) }},
	CodeIOSVendorIDReceived:      {"ios_vendor_id_received", func() Event { return new(IOSVendorIDReceived) }},
	CodeResponderLifetime:        {"responder_lifetime", func() Event { return new(ResponderLifetime) }},
	CodeInvalidSPIReceived:       {"invalid_spi_received", func() Event { return new(InvalidSPIReceived) }},
	CodeFragmentsMissing:         {"fragments_missing", func() Event { return new(FragmentsMissing) }},
	CodeMessageFragmented:        {"message_fragmented", func() Event { return new(MessageFragmented) }},
	CodeLocalAddressChanged:      {"local_address_changed", func() Event { return new(LocalAddressChanged) }},
	CodeDynamicEntryCreated:      {"dynamic_entry_created", func() Event { return new(DynamicEntryCreated) }},
	CodeDynamicEntryDeleted:      {"dynamic_entry_deleted", func() Event { return new(DynamicEntryDeleted) }},
	CodeDynamicEntryRefused:      {"dynamic_entry_refused", func() Event { return new(DynamicEntryRefused) }},
	CodeReverseRouteChanged:      {"reverse_route_changed", func() Event { return new(ReverseRouteChanged) }},
	CodeProfileRequested:         {"profile_requested", func() Event { return new(ProfileRequested) }},
	CodeProfileKeyFound:          {"profile_key_found", func() Event { return new(ProfileKeyFound) }},
	CodeProfileRefused:           {"profile_refused", func() Event { return new(ProfileRefused) }},
	CodeNameResolved:             {"name_resolved", func() Event { return new(NameResolved) }},
	CodeNameNotResolved:          {"name_not_resolved", func() Event { return new(NameNotResolved) }},
	CodeAnswerNotOffered:         {"answer_not_offered", func() Event { return new(AnswerNotOffered) }},
	CodeAggressiveModeBegun:      {"aggressive_mode_begun", func() Event { return new(AggressiveModeBegun) }},
	CodeNamedKeyLookup:           {"named_key_lookup", func() Event { return new(NamedKeyLookup) }},
	CodeXAUTHPossible:            {"xauth_possible", func() Event { return new(XAUTHPossible) }},
	CodeSessionChanged:           {"session_changed", func() Event { return new(SessionChanged) }},
	CodeAAAListPicked:            {"aaa_list_picked", func() Event { return new(AAAListPicked) }},
	CodeAAAAuthentication:        {"aaa_authentication", func() Event { return new(AAAAuthentication) }},
	CodeAAAAuthorization:         {"aaa_authorization", func() Event { return new(AAAAuthorization) }},
	CodeRADIUSSent:               {"radius_sent", func() Event { return new(RADIUSSent) }},
	CodeRADIUSReceived:           {"radius_received", func() Event { return new(RADIUSReceived) }},
	CodeRADIUSReplyDropped:       {"radius_reply_dropped", func() Event { return new(RADIUSReplyDropped) }},
	CodeRADIUSServerChanged:      {"radius_server_changed", func() Event { return new(RADIUSServerChanged) }},
	CodeAddressLeased:            {"address_leased", func() Event { return new(AddressLeased) }},
	CodeAddressFreed:             {"address_freed", func() Event { return new(AddressFreed) }},
	CodeAddressRefused:           {"address_refused", func() Event { return new(AddressRefused) }},
	CodeAccountingLost:           {"accounting_lost", func() Event { return new(AccountingLost) }},
	CodeEasyVPNPending:           {"easy_vpn_pending", func() Event { return new(EasyVPNPending) }},
	CodeEasyVPNChanged:           {"easy_vpn_changed", func() Event { return new(EasyVPNChanged) }},
	CodeCryptoOperation:          {"crypto_operation", func() Event { return new(CryptoOperation) }},
	CodeClearTextReceived:        {"clear_text_received", func() Event { return new(ClearTextReceived) }},
	CodeMessagesLost:             {"messages_lost", func() Event { return new(MessagesLost) }},
	CodeUserNeeded:               {"user_needed", func() Event { return new(UserNeeded) }},
	CodeXAUTHAttribute:           {"xauth_attribute", func() Event { return new(XAUTHAttribute) }},
	CodeConfigSending:            {"config_sending", func() Event { return new(ConfigSending) }},
	CodeConfigReceived:           {"config_received", func() Event { return new(ConfigReceived) }},
	CodeXAUTHAcknowledged:        {"xauth_acknowledged", func() Event { return new(XAUTHAcknowledged) }},
	CodeUnityClient:              {"unity_client", func() Event { return new(UnityClient) }},
	CodeUserJudged:               {"user_judged", func() Event { return new(UserJudged) }},
	CodeConfigChecked:            {"config_checked", func() Event { return new(ConfigChecked) }},
	CodeConfigAttributeSeen:      {"config_attribute_seen", func() Event { return new(ConfigAttributeSeen) }},
	CodeGroupRequested:           {"group_requested", func() Event { return new(GroupRequested) }},
	CodeAddressAllocated:         {"address_allocated", func() Event { return new(AddressAllocated) }},
	CodeConfigAttributeSent:      {"config_attribute_sent", func() Event { return new(ConfigAttributeSent) }},
	CodeConfigAttributeUnknown:   {"config_attribute_unknown", func() Event { return new(ConfigAttributeUnknown) }},
	CodeClientRefused:            {"client_refused", func() Event { return new(ClientRefused) }},
	CodeClientSession:            {"client_session", func() Event { return new(ClientSession) }},
	CodeCredentialsAsked:         {"credentials_asked", func() Event { return new(CredentialsAsked) }},
	CodeCredentialsSent:          {"credentials_sent", func() Event { return new(CredentialsSent) }},
	CodeXAUTHStatusReceived:      {"xauth_status_received", func() Event { return new(XAUTHStatusReceived) }},
	CodeConfigNeeded:             {"config_needed", func() Event { return new(ConfigNeeded) }},
	CodeConfigReplied:            {"config_replied", func() Event { return new(ConfigReplied) }},
	CodeClientConfigured:         {"client_configured", func() Event { return new(ClientConfigured) }},
	CodePKIRequestSent:           {"pki_request_sent", func() Event { return new(PKIRequestSent) }},
	CodePKIConnectionOpened:      {"pki_connection_opened", func() Event { return new(PKIConnectionOpened) }},
	CodePKIResponseReceived:      {"pki_response_received", func() Event { return new(PKIResponseReceived) }},
	CodePKIChainIncomplete:       {"pki_chain_incomplete", func() Event { return new(PKIChainIncomplete) }},
	CodePKICertificateNamed:      {"pki_certificate_named", func() Event { return new(PKICertificateNamed) }},
	CodePKITransactionCompleted:  {"pki_transaction_completed", func() Event { return new(PKITransactionCompleted) }},
	CodePKIAuthorityReceived:     {"pki_authority_received", func() Event { return new(PKIAuthorityReceived) }},
	CodePKISignedAttribute:       {"pki_signed_attribute", func() Event { return new(PKISignedAttribute) }},
	CodePKIStatusReceived:        {"pki_status_received", func() Event { return new(PKIStatusReceived) }},
	CodePKIEnrollmentEnded:       {"pki_enrollment_ended", func() Event { return new(PKIEnrollmentEnded) }},
	CodePKIUnanswered:            {"pki_unanswered", func() Event { return new(PKIUnanswered) }},
	CodePKIVerdict:               {"pki_verdict", func() Event { return new(PKIVerdict) }},
	CodePKIMessage:               {"pki_message", func() Event { return new(PKIMessage) }},
}

// String returns the stable name of the event, such as "packet_received".
func (c Code) String() string {
	if c < NumCodes && registry[c].name != "" {
		return registry[c].name
	}
	return "unknown"
}

// New returns an empty event of this code, nil for a number that is no code.
func (c Code) New() Event {
	if c >= NumCodes || registry[c].make == nil {
		return nil
	}
	return registry[c].make()
}

// Describe lists the fields of the code's event in their order.
func (c Code) Describe() []FieldDoc {
	e := c.New()
	if e == nil {
		return nil
	}
	f := Fields{mode: describeFields}
	e.Fields(&f)
	return f.docs
}
