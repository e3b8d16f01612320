// Holds a log and its proofs against Go's own implementation (golang.org/x/mod/sumdb: note, tlog),
// which the checksum database of Go runs on. Usage: accept FOLDER KEY PROOFS
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proofs struct {
	Inclusion   map[string][]string // seq - 1 → hashes
	Consistency map[string]struct { // older size → its root, hashes
		Root   string
		Hashes []string
	}
}

func check(err error, what string) {
	if err != nil {
		fmt.Printf("refused: %s: %v\n", what, err)
		os.Exit(1)
	}
}

func hashOf(hex string) (found tlog.Hash) {
	for i := range found {
		value, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		check(err, "hexadecimal")
		found[i] = byte(value)
	}
	return found
}

func hashes(hex []string) (found []tlog.Hash) {
	for _, each := range hex {
		found = append(found, hashOf(each))
	}
	return found
}

// tiles reads our folder as Go's client reads a server's.
type tiles struct{ folder string }

func (tiles) Height() int { return 8 }

func (t tiles) path(tile tlog.Tile) string {
	name := strings.TrimPrefix(tile.Path(), "tile/8/") // Go names the height, the C2SP layout does not
	return filepath.Join(t.folder, "tile", strings.Replace(name, "data/", "entries/", 1))
}

func (t tiles) ReadTiles(wanted []tlog.Tile) (found [][]byte, err error) {
	for _, tile := range wanted {
		data, err := os.ReadFile(t.path(tile))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func entries(t tiles, size int64) (found [][]byte) {
	for n := int64(0); n*256 < size; n++ {
		width := int(size - n*256)
		if width > 256 {
			width = 256
		}
		data, err := os.ReadFile(t.path(tlog.Tile{H: 8, L: -1, N: n, W: width}))
		check(err, "bundle")
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			found, data = append(found, data[2:2+length]), data[2+length:]
		}
	}
	return found
}

func main() {
	t := tiles{os.Args[1]}
	verifier, err := note.NewVerifier(os.Args[2])
	check(err, "key")
	signed, err := os.ReadFile(filepath.Join(t.folder, "checkpoint"))
	check(err, "checkpoint")
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err, "signed note")
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err, "size")
	raw, err := base64.StdEncoding.DecodeString(lines[2])
	check(err, "root")
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], raw)

	// Its own proofs, out of our tiles, which TileHashReader verifies against the root.
	reader := tlog.TileHashReader(tree, t)
	records := entries(t, size)
	if int64(len(records)) != size {
		check(fmt.Errorf("%d of %d", len(records), size), "records")
	}
	for n, record := range records {
		proof, err := tlog.ProveRecord(size, int64(n), reader)
		check(err, "tiles")
		check(tlog.CheckRecord(proof, size, tree.Hash, int64(n), tlog.RecordHash(record)), "record")
	}
	// Our proofs.
	data, err := os.ReadFile(os.Args[3])
	check(err, "proofs")
	var given proofs
	check(json.Unmarshal(data, &given), "proofs")
	for index, hex := range given.Inclusion {
		n, _ := strconv.ParseInt(index, 10, 64)
		check(tlog.CheckRecord(hashes(hex), size, tree.Hash, n, tlog.RecordHash(records[n])), "inclusion of "+index)
	}
	for older, proof := range given.Consistency {
		n, _ := strconv.ParseInt(older, 10, 64)
		check(tlog.CheckTree(hashes(proof.Hashes), size, tree.Hash, n, hashOf(proof.Root)), "consistency from "+older)
	}
	fmt.Printf("accepted: %s, %d records, %d inclusion and %d consistency proofs\n",
		opened.Sigs[0].Name, size, len(given.Inclusion), len(given.Consistency))
}
