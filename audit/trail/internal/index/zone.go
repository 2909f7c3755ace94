package index

import (
	"encoding/binary"
	"math"
)

const (
	zoneLeaves = 256
	zoneSize   = 16
)

// zone is the earliest and the latest second of the records of 256 leaves, of
// which the first is a multiple of 256.
type zone struct{ earliest, latest int64 }

// noTimes is the zone of leaves that are no record's.
func noTimes() zone { return zone{math.MaxInt64, math.MinInt64} }

// zoneOf returns which zone a leaf is in.
func zoneOf(leaf uint64) uint64 { return leaf / zoneLeaves }

func (z zone) and(o zone) zone {
	return zone{min(z.earliest, o.earliest), max(z.latest, o.latest)}
}

// touches reports whether a time of the zone may be one of w's.
func (z zone) touches(w zone) bool {
	return z.earliest <= w.latest && w.earliest <= z.latest
}

func (z zone) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(z.earliest))
	return binary.BigEndian.AppendUint64(b, uint64(z.latest))
}

func decodeZone(b []byte) zone {
	return zone{int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:]))}
}

// zonesOf returns the zones of a run over what is in memory.
func zonesOf(h header, t times) []zone {
	zones := emptyZones(h)
	for r := range t.from(h.first) {
		at := zoneOf(r.leaf) - zoneOf(h.first)
		zones[at] = zones[at].and(zone{r.second, r.second})
	}
	return zones
}

// joinZones returns the zones of a run over others, two of which may share one
// where they meet.
func joinZones(h header, runs []*run) []zone {
	zones := emptyZones(h)
	for _, r := range runs {
		at := zoneOf(r.first) - zoneOf(h.first)
		for i, z := range r.zones {
			zones[at+uint64(i)] = zones[at+uint64(i)].and(z)
		}
	}
	return zones
}

func emptyZones(h header) []zone {
	zones := make([]zone, h.zoneCount())
	for i := range zones {
		zones[i] = noTimes()
	}
	return zones
}
