package config

// admissionNodes follow `crypto call`.
var admissionNodes = []*node{{Text: "admission", Help: "Configure Crypto Call Admission Control", Next: []*node{
	{Text: "limit", Help: "Configure Crypto Call Admission Limit", Next: []*node{
		{Text: "ike", Help: "Configure Crypto Call Admission Limit for IKE", Next: []*node{
			{Text: "in-negotiation-sa", Help: "Number of ISAKMP SAs in negotiation", No: func(e *Editor, _ Args) *Problem {
				e.cfg.ISAKMP.MaxNegotiating = 0
				return nil
			}, Next: []*node{
				{Kind: Number, Lo: 10, Hi: 99999, Arg: "number", Help: "Number, of either stage before the peer is proven", Do: func(e *Editor, a Args) *Problem {
					e.cfg.ISAKMP.MaxNegotiating = int(a.Number("number"))
					return nil
				}},
			}},
			{Text: "sa", Help: "Number of ISAKMP SAs that are up", No: func(e *Editor, _ Args) *Problem {
				e.cfg.ISAKMP.MaxSAs = 0
				return nil
			}, Next: []*node{
				{Kind: Number, Lo: 1, Hi: 99999, Arg: "number", Help: "Number", Do: func(e *Editor, a Args) *Problem {
					e.cfg.ISAKMP.MaxSAs = int(a.Number("number"))
					return nil
				}},
			}},
		}},
		{Text: "ipsec", Help: "Configure Crypto Call Admission Limit for IPsec", Unsupported: "a limit of IPsec SAs"},
	}},
}}}
