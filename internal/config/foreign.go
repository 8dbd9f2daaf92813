package config

// foreignLines are the global commands of a router's running configuration that
// have nothing to do with VPN and no lines of their own below.
const foreignLines = `
absolute-timeout alarm alias arp async-bootp authentication auto autonomic
banner boot boot-start-marker boot-end-marker bridge buffers busy-message call call-home card
cdp cef chat-script clns clock cns config-register configure cts
dampening default-value device-tracking diagnostic dialer dialer-list
dot11 dot1x downward-compatible-config enable epm errdisable
ethernet exception facility-alarm file frame-relay ftp-server hw-module
ipv6 ipc ipx isdn kron lacp lane ldap license lldp location logging login
mac mac-address-table macro map-list memory memory-size mls mmi mpls multilink
netconf netconf-yang network-clock network-clock-participate network-clock-select nmsp ntp
partition platform power priority-list privilege process prompt
qos queue-list rcmd regexp resource resume-string rmon rtr
scheduler sdm security smart-license snmp snmp-server spanning-tree
standby state-machine stun switch tacacs-server template terminal-queue tftp-server
transceiver ttycap udld upgrade vlan vtp vty-async vines
virtual-profile virtual-template vstack warm-reboot wlccp wsma x25 x29
appletalk bstun clid cwmp decnet dlsw dnsix-dmdp fabric fallback identity inspect
lnm mgcp ncia nls ppp rlm rsrb sap-priority-list sgbp sgcp snasw sntp source-bridge
spd ssh tag-switching tarp tn3270-server translate xns
`

// foreignBlocks are those with lines of their own below.
const foreignBlocks = `
appfw application archive bba-group bfd bfd-template class-map control-plane
controller dial-peer dspfarm eou event flow gatekeeper gateway
key l2tp-class l2vpn line map-class media metadata monitor nhrp oer pfr object-group
parameter-map parser performance policy-map pseudowire-class redundancy
rif route-map router sccp sip-ua subscriber tacacs
telephony-service time-range track voice voice-card voice-port vpdn vpdn-group
webvpn zone zone-pair
`
