package computeunit_test

import (
	"bytes"
	"flag"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var updateAPI = flag.Bool("update-api", false, "TestAPI writes testdata/api.txt anew")

const apiListing = "testdata/api.txt"

// TestAPI compares the exported declarations with the listing, so that a review sees every change of them. It reads
// the source, as go doc -all does: what that prints differs between versions of Go.
func TestAPI(t *testing.T) {
	listing := strings.Join(exported(t), "\n") + "\n"
	if *updateAPI {
		require.NoError(t, os.WriteFile(apiListing, []byte(listing), 0o644))
		return
	}
	assert.Equal(t, read(t, apiListing), listing,
		"the exported API has changed: if that is meant, run go test -run 'TestAPI$' . -update-api")
}

// TestEveryExportedFunctionHasAnExample leaves out the methods that fmt, slog, errors and encoding/json call.
func TestEveryExportedFunctionHasAnExample(t *testing.T) {
	examples := read(t, "example_test.go")
	byOthers := strings.Fields("Error Is Unwrap LogValue String Format MarshalText MarshalJSON UnmarshalJSON")
	functions := regexp.MustCompile(`(?m)^func (?:\(\w+ \*?(\w+)\) )?(\w+)\(`).FindAllStringSubmatch(read(t, apiListing), -1)
	assert.NotEmpty(t, functions)
	for _, f := range functions {
		if !slices.Contains(byOthers, f[2]) {
			assert.Contains(t, examples, "\nfunc Example"+strings.TrimPrefix(f[1]+"_"+f[2], "_")+"() {")
		}
	}
}

// packageFiles are the files of this folder that this machine would build.
func packageFiles(t *testing.T) []*ast.File {
	t.Helper()
	folder, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	files := make([]*ast.File, len(folder.GoFiles))
	for i, name := range folder.GoFiles {
		files[i], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
	}
	return files
}

// receiver is the name of a method's type, and empty for a function.
func receiver(t *testing.T, f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	return strings.TrimPrefix(source(t, f.Recv.List[0].Type), "*")
}

func isExported(t *testing.T, f *ast.FuncDecl) bool {
	return f.Name.IsExported() && (f.Recv == nil || ast.IsExported(receiver(t, f)))
}

// exported are the exported declarations, sorted: so the order in the source does not count.
func exported(t *testing.T) (declarations []string) {
	for _, file := range packageFiles(t) {
		ast.FileExports(file) // leaves out what is not exported
		for _, declaration := range file.Decls {
			switch d := declaration.(type) {
			case *ast.FuncDecl:
				if isExported(t, d) {
					d.Body = nil
					declarations = append(declarations, source(t, d))
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if variable, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
						variable.Values = nil // callers cannot see them
					}
					if named, ok := spec.(*ast.TypeSpec); ok {
						if structure, ok := named.Type.(*ast.StructType); ok {
							structure.Incomplete = false // it prints a remark
						}
					}
					if d.Tok != token.IMPORT {
						declarations = append(declarations, d.Tok.String()+" "+source(t, spec))
					}
				}
			}
		}
	}
	slices.Sort(declarations)
	return declarations
}

func source(t *testing.T, node ast.Node) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, (&printer.Config{Mode: printer.UseSpaces | printer.TabIndent, Tabwidth: 8}).Fprint(&text, token.NewFileSet(), node))
	return text.String()
}
