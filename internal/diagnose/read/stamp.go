package read

import (
	"strings"
	"time"
)

// noYear is the year of a time whose source names none: one with a 29 February,
// so long ago that nobody takes it for a real one.
const noYear = 4

// stampWithin is how far from its start a line may have its time.
const stampWithin = 64

// stamp reads the first time that a line begins with, in any of the forms of the
// vendors; zero for none. A time of day alone is on the first of January.
func stamp(line []byte) time.Time {
	head := string(line[:min(len(line), stampWithin)])
	if at := strings.IndexByte(head, ':'); at < 0 {
		return time.Time{}
	}
	for i := 0; i+8 <= len(head); i++ {
		if i > 0 && isWordByte(head[i-1]) {
			continue
		}
		switch c := head[i]; {
		case '0' <= c && c <= '9':
			if t, ok := numericStamp(head[i:]); ok {
				return t
			}
		case 'A' <= c && c <= 'Z':
			if t, ok := monthStamp(head[i:]); ok {
				return t
			}
		}
	}
	return time.Time{}
}

func isWordByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

const months = "JanFebMarAprMayJunJulAugSepOctNovDec"

// monthStamp is "Mar  1 05:06:03.199", with a year before or behind the time of
// day or without.
func monthStamp(s string) (time.Time, bool) {
	month := strings.Index(months, s[:3])
	if month < 0 || month%3 != 0 || s[3] != ' ' {
		return time.Time{}, false
	}
	f := strings.Fields(s[4:])
	if len(f) < 2 {
		return time.Time{}, false
	}
	year, day := noYear, int(Number(strings.TrimSuffix(f[0], ",")))
	clock := f[1]
	if n := Number(clock); len(strings.TrimSuffix(clock, ",")) == 4 && n > 1980 && len(f) > 2 {
		year, clock = int(n), f[2]
	} else if len(f) > 2 && len(strings.TrimSuffix(f[2], ":")) == 4 && Number(f[2]) > 1980 && Number(f[2]) < 2200 {
		year = int(Number(f[2]))
	}
	h, m, sec, nano, ok := clockOf(clock)
	if !ok || day < 1 || day > 31 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month/3+1), day, h, m, sec, nano, time.UTC), true
}

// numericStamp is "2026-03-01T05:06:03.199", "2026/03/01 05:06:03", "1 Mar 2026
// 05:06:03" or "05:06:03".
func numericStamp(s string) (time.Time, bool) {
	if len(s) >= 19 && (s[4] == '-' || s[4] == '/') && s[7] == s[4] && (s[10] == 'T' || s[10] == ' ' || s[10] == '-') {
		h, m, sec, nano, ok := clockOf(s[11:])
		year, month, day := int(Number(s[:4])), int(Number(s[5:7])), int(Number(s[8:10]))
		if ok && year > 1980 && month >= 1 && month <= 12 && day >= 1 && day <= 31 {
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
func clockOf(s string) (hour, minute, second, nano int, ok bool) {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return
	}
	for _, i := range []int{0, 1, 3, 4, 6, 7} {
		if s[i] < '0' || s[i] > '9' {
			return
		}
	}
	hour, minute, second = int(Number(s[:2])), int(Number(s[3:5])), int(Number(s[6:8]))
	if len(s) > 9 && (s[8] == '.' || s[8] == ',') {
		unit := int(100 * time.Millisecond)
		for i := 9; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
			nano += int(s[i]-'0') * unit
			unit /= 10
		}
	}
	return hour, minute, second, nano, hour < 24 && minute < 60 && second < 61
}
