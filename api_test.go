package computeunit_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
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
	listed, err := os.ReadFile(apiListing)
	require.NoError(t, err)
	assert.Equal(t, string(listed), listing,
		"the exported API has changed: if that is meant, run go test -run 'TestAPI$' . -update-api")
}

// TestEveryExportedFunctionHasAnExample leaves out the methods that fmt, slog, errors and encoding/json call.
func TestEveryExportedFunctionHasAnExample(t *testing.T) {
	examples := map[string]bool{}
	eachFunc(packageFiles(t, true), func(f *ast.FuncDecl) { examples[f.Name.Name] = true })
	byOthers := []string{"Error", "Is", "Unwrap", "LogValue", "String", "GoString", "Format", "MarshalText", "MarshalJSON", "UnmarshalJSON"}
	eachFunc(packageFiles(t, false), func(f *ast.FuncDecl) {
		if !isExported(f) || slices.Contains(byOthers, f.Name.Name) {
			return
		}
		name := "Example"
		if f.Recv != nil {
			name += strings.TrimPrefix(source(t, f.Recv.List[0].Type), "*") + "_"
		}
		assert.True(t, examples[name+f.Name.Name], "there is no %s", name+f.Name.Name)
	})
}

// packageFiles are the files of this folder that this machine would build.
func packageFiles(t *testing.T, tests bool) []*ast.File {
	t.Helper()
	folder, err := build.ImportDir(".", 0)
	require.NoError(t, err)
	names := folder.GoFiles
	if tests {
		names = folder.XTestGoFiles
	}
	files := make([]*ast.File, len(names))
	for i, name := range names {
		files[i], err = parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
	}
	return files
}

func eachFunc(files []*ast.File, do func(*ast.FuncDecl)) {
	for _, file := range files {
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok {
				do(f)
			}
		}
	}
}

func isExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return f.Name.IsExported()
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported() && f.Name.IsExported()
}

// exported is one line for each exported name, sorted: so the order in the source does not count.
func exported(t *testing.T) []string {
	files := packageFiles(t, false)
	var lines []string
	eachFunc(files, func(f *ast.FuncDecl) {
		if isExported(f) {
			lines = append(lines, source(t, &ast.FuncDecl{Recv: f.Recv, Name: f.Name, Type: f.Type}))
		}
	})
	for _, file := range files {
		for _, declaration := range file.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range group.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					lines = append(lines, values(t, group.Tok, spec)...)
				case *ast.TypeSpec:
					lines = append(lines, typeLines(t, spec)...)
				}
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// values are constants, whose values callers can see, and variables, whose values they cannot.
func values(t *testing.T, kind token.Token, spec *ast.ValueSpec) (lines []string) {
	for i, name := range spec.Names {
		if !name.IsExported() {
			continue
		}
		line := kind.String() + " " + name.Name
		if spec.Type != nil {
			line += " " + source(t, spec.Type)
		}
		if kind == token.CONST {
			require.Greater(t, len(spec.Values), i, "%s: write its value, it is part of the API", name.Name)
			line += " = " + source(t, spec.Values[i])
		}
		lines = append(lines, line)
	}
	return lines
}

// typeLines has a line for the type and one for each exported field or method of an interface.
func typeLines(t *testing.T, spec *ast.TypeSpec) (lines []string) {
	if !spec.Name.IsExported() {
		return nil
	}
	name := "type " + spec.Name.Name
	var members *ast.FieldList
	kind := ""
	switch definition := spec.Type.(type) {
	case *ast.StructType:
		members, kind = definition.Fields, "struct"
	case *ast.InterfaceType:
		members, kind = definition.Methods, "interface"
	default:
		alias := ""
		if spec.Assign.IsValid() {
			alias = "= "
		}
		return []string{name + " " + alias + source(t, definition)}
	}
	lines = append(lines, name+" "+kind)
	for _, member := range members.List {
		text := source(t, member.Type)
		if member.Tag != nil {
			text += " " + member.Tag.Value
		}
		if len(member.Names) == 0 { // embedded
			lines = append(lines, fmt.Sprintf("%s %s, %s", name, kind, text))
		}
		for _, field := range member.Names {
			if field.IsExported() {
				lines = append(lines, fmt.Sprintf("%s %s, %s %s", name, kind, field.Name, text))
			}
		}
	}
	return lines
}

// source prints a node of one line.
func source(t *testing.T, node ast.Node) string {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, (&printer.Config{Mode: printer.RawFormat}).Fprint(&text, token.NewFileSet(), node))
	return strings.Join(strings.Fields(text.String()), " ")
}
