package read

import (
	"slices"
	"time"
)

// noYear is the year of a time whose source names none: one with a 29 February,
// so long ago that nobody takes it for a real one.
const noYear = 4

// namedYears begin behind all that a log without years can reach.
var namedYears = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)

// stampWithin is how far from its start a line may have its time.
const stampWithin = 64

// stamp reads the first time that a line begins with, in any of the forms of the
// vendors; zero for none. A time of day alone is on the first of January.
func stamp(line []byte) time.Time {
	line = line[:min(len(line), stampWithin)]
	for i := 0; i+8 <= len(line); i++ {
		if i > 0 && isWordByte(line[i-1]) {
			continue
		}
		switch c := line[i]; {
		case '0' <= c && c <= '9':
			if t, ok := numericStamp(line[i:]); ok {
				return t
			}
		case 'A' <= c && c <= 'S':
			if t, ok := monthStamp(line[i:]); ok {
				return t
			}
		}
	}
	return time.Time{}
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

var months = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// digits reads a number at the start of a text, behind blanks, and returns what
// is left of the text; -1 for no number.
func digits(s []byte) (int, []byte) {
	for len(s) > 0 && s[0] == ' ' {
		s = s[1:]
	}
	n, i := 0, 0
	for ; i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9'; i++ {
		n = 10*n + int(s[i]-'0')
	}
	if i == 0 {
		return -1, s
	}
	return n, s[i:]
}

func isYear(n int) bool { return n > 1980 && n < 2200 }

// monthStamp is "Mar  1 05:06:03.199", with a year before or behind the time of
// day or without.
func monthStamp(s []byte) (time.Time, bool) {
	if s[3] != ' ' {
		return time.Time{}, false
	}
	month := 1 + slices.Index(months[:], string(s[:3]))
	if month == 0 {
		return time.Time{}, false
	}
	day, s := digits(s[4:])
	if day < 1 || day > 31 {
		return time.Time{}, false
	}
	if len(s) > 0 && s[0] == ',' {
		s = s[1:]
	}
	year := noYear
	if n, rest := digits(s); isYear(n) {
		year, s = n, rest
	}
	for len(s) > 0 && (s[0] == ' ' || s[0] == ',') {
		s = s[1:]
	}
	h, m, sec, nano, ok := clockOf(s)
	if !ok {
		return time.Time{}, false
	}
	if year == noYear && len(s) > 9 && s[8] == ' ' {
		if n, rest := digits(s[9:]); isYear(n) && (len(rest) == 0 || rest[0] == ' ' || rest[0] == ':') {
			year = n
		}
	}
	return time.Date(year, time.Month(month), day, h, m, sec, nano, time.UTC), true
}

// numericStamp is "2026-03-01T05:06:03.199", "2026/03/01 05:06:03" or "05:06:03".
func numericStamp(s []byte) (time.Time, bool) {
	if len(s) >= 19 && (s[4] == '-' || s[4] == '/') && s[7] == s[4] && (s[10] == 'T' || s[10] == ' ' || s[10] == '-') {
		year, _ := digits(s[:4])
		month, _ := digits(s[5:7])
		day, _ := digits(s[8:10])
		if h, m, sec, nano, ok := clockOf(s[11:]); ok && isYear(year) && month >= 1 && month <= 12 && day >= 1 && day <= 31 {
			return time.Date(year, time.Month(month), day, h, m, sec, nano, time.UTC), true
		}
	}
	if s[2] == ':' {
		if h, m, sec, nano, ok := clockOf(s); ok {
			return time.Date(noYear, 1, 1, h, m, sec, nano, time.UTC), true
		}
	}
	return time.Time{}, false
}

// clockOf reads "05:06:03.199".
func clockOf(s []byte) (hour, minute, second, nano int, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return
	}
	for _, i := range [...]int{0, 1, 3, 4, 6, 7} {
		if s[i] < '0' || s[i] > '9' {
			return
		}
	}
	two := func(i int) int { return 10*int(s[i]-'0') + int(s[i+1]-'0') }
	hour, minute, second = two(0), two(3), two(6)
	if len(s) > 9 && (s[8] == '.' || s[8] == ',') {
		unit := int(100 * time.Millisecond)
		for i := 9; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			nano += int(s[i]-'0') * unit
			unit /= 10
		}
	}
	return hour, minute, second, nano, hour < 24 && minute < 60 && second < 61
}
