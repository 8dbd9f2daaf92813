package console

import (
	"fmt"
	"strings"

	"qmidle/internal/config"
	"qmidle/internal/ike"
)

// AccessLists is show access-lists.
type AccessLists struct {
	Lists []AccessList `json:"access_lists"`
}

// AccessList is one extended access list.
type AccessList struct {
	Name  string           `json:"name"`
	Lines []AccessListLine `json:"access_list_lines"`
}

// AccessListLine is one permit or deny. Matches counts the packets that a crypto
// map protected by a permit line, in both directions; a deny line is not
// counted.
type AccessListLine struct {
	Sequence int    `json:"sequence"`
	Rule     string `json:"rule"`
	Matches  uint64 `json:"matches"`
}

func accessLists(r Router, a config.Args) (View, error) {
	view, users := AccessLists{Lists: []AccessList{}}, usersOfLists(r)
	for _, l := range r.Config().AccessLists {
		if a.Has("list") && l.Name != a.Text("list") {
			continue
		}
		shown := AccessList{Name: l.Name, Lines: []AccessListLine{}}
		matches := matchesOf(r, l, users[l.Name])
		for i, x := range l.Entries {
			shown.Lines = append(shown.Lines, AccessListLine{x.Seq, x.String(), matches[i]})
		}
		view.Lists = append(view.Lists, shown)
	}
	return view, nil
}

// matchesOf adds up what the connections of a list have carried by each line.
func matchesOf(r Router, l *config.AccessList, users []*ike.Connection) []uint64 {
	matches := make([]uint64, len(l.Entries))
	for _, c := range users {
		for i := range min(len(matches), len(c.ACL)) {
			if c.ACL[i].Permit {
				matches[i] += r.Matches(c.Tag, i)
			}
		}
	}
	return matches
}

// usersOfLists are the connections that have each access list; "" is of those without.
func usersOfLists(r Router) map[string][]*ike.Connection {
	users := map[string][]*ike.Connection{}
	for _, c := range r.Connections() {
		list := ""
		if e := r.Config().CryptoMap(c.Map).Entry(c.Seq); e != nil {
			list = e.ACL
		}
		users[list] = append(users[list], c)
	}
	return users
}

// Text is IOS's listing.
func (v AccessLists) Text() string {
	var b strings.Builder
	for _, l := range v.Lists {
		fmt.Fprintf(&b, "Extended IP access list %s\n", l.Name)
		for _, x := range l.Lines {
			fmt.Fprintf(&b, "    %d %s%s\n", x.Sequence, x.Rule, matchesText(x.Matches))
		}
	}
	return b.String()
}

func matchesText(n uint64) string {
	switch n {
	case 0:
		return ""
	case 1:
		return " (1 match)"
	}
	return fmt.Sprintf(" (%d matches)", n)
}
