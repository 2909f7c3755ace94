package layout

import (
	"bytes"
	"io/fs"

	"github.com/elevenminutes/interlock/lint/internal/finding"
	"github.com/elevenminutes/interlock/lint/internal/source"
)

const longest = 500 // lines

// Length checks that no Go file has more than 500 lines.
func Length(tree fs.FS) []finding.Finding {
	files, err := source.Files(tree, ".go")
	if err != nil {
		return []finding.Finding{finding.At(source.Root, 0, "%v", err)}
	}
	var findings []finding.Finding
	for _, file := range files {
		text, err := fs.ReadFile(tree, file)
		if err != nil {
			findings = append(findings, finding.At(file, 0, "%v", err))
			continue
		}
		lines := bytes.Count(text, []byte("\n"))
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			lines++
		}
		if lines > longest {
			findings = append(findings, finding.At(file, 0, "has %d lines; part it by subject into files of at most %d", lines, longest))
		}
	}
	return findings
}
