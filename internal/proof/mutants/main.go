// Command mutants changes the source at random places, and prints the changes that no test finds: an operator, a condition, a
// constant, or a statement that is gone. The tests are those of every package that depends on the changed one, without examples.
// The files of the checkout stay as they are: the go command is told to read others in their place.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	count    = flag.Int("n", 60, "how many mutants to try")
	seed     = flag.Uint64("seed", 0, "what the mutants follow from; 0 picks one")
	patience = flag.Duration("patience", 3*time.Minute, "how long the tests of a package may take")
	parallel = flag.Int("parallel", 2, "how many mutants are tried at a time")
)

// changed are the packages whose source is changed.
var changed = []string{".", "./internal/transport", "./internal/bceauth", "./once", "./once/internal/store"}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	var all []mutant
	for _, folder := range changed {
		all = append(all, mutantsOf(folder)...)
	}
	random := rand.New(rand.NewPCG(*seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	log.Printf("%d of %d mutants, -seed=%d", *count, len(all), *seed)
	survivors := try(all)
	log.Printf("%d survived", len(survivors))
	for _, m := range survivors {
		fmt.Println(m)
	}
}

// mutant is a piece of a file, and what stands in its place.
type mutant struct {
	folder, file string
	line         int
	from, to     int // offsets
	was, is      string
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %q is %q", m.file, m.line, m.was, m.is) }

// mutantsOf changes what is part of the program on this system.
func mutantsOf(folder string) (mutants []mutant) {
	for _, file := range list("-f", `{{join .GoFiles "\n"}}`, folder) {
		mutants = append(mutants, mutantsIn(folder, filepath.Join(folder, file))...)
	}
	return mutants
}

func mutantsIn(folder, file string) (mutants []mutant) {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, text, 0)
	if err != nil {
		log.Fatal(err)
	}
	add := func(from, to token.Pos, is string) {
		at := files.Position(from)
		end := files.Position(to).Offset
		mutants = append(mutants, mutant{folder, file, at.Line, at.Offset, end, string(text[at.Offset:end]), is})
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if declared, ok := n.(*ast.GenDecl); ok && declared.Tok == token.IMPORT {
			return false
		}
		change(n, text, files, add)
		return true
	})
	return mutants
}

var operators = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
	token.LAND: "||", token.LOR: "&&", token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*",
}

// change adds the mutants of a node.
func change(n ast.Node, text []byte, files *token.FileSet, add func(from, to token.Pos, is string)) {
	source := func(e ast.Node) string {
		return string(text[files.Position(e.Pos()).Offset:files.Position(e.End()).Offset])
	}
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if is := operators[n.Op]; is != "" {
			add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), is)
		}
	case *ast.IfStmt:
		add(n.Cond.Pos(), n.Cond.End(), "!("+source(n.Cond)+")")
	case *ast.CaseClause:
		for _, e := range n.List {
			if _, isBinary := e.(*ast.BinaryExpr); isBinary {
				add(e.Pos(), e.End(), "!("+source(e)+")")
			}
		}
	case *ast.BasicLit:
		if value, err := strconv.Atoi(n.Value); n.Kind == token.INT && err == nil {
			add(n.Pos(), n.End(), strconv.Itoa(value+1))
		}
	case *ast.Ident:
		if is := map[string]string{"true": "false", "false": "true"}[n.Name]; is != "" {
			add(n.Pos(), n.End(), is)
		}
	case *ast.BlockStmt:
		for _, s := range n.List {
			if mayGo(s) {
				add(s.Pos(), s.End(), "")
			}
		}
	}
}

// mayGo leaves out what always breaks the build.
func mayGo(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.AssignStmt:
		return s.Tok != token.DEFINE
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.BranchStmt, *ast.IfStmt:
		return true
	}
	return false
}

// try takes mutants until enough of them built.
func try(all []mutant) (survivors []mutant) {
	tests := dependents()
	for _, name := range tests["./internal/bceauth"] { // all depend on it
		if test(name) != nil {
			log.Fatalf("the tests of %s fail without a change", name)
		}
	}
	var mu sync.Mutex
	next, tried := 0, 0
	take := func() (m mutant, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(all) || tried >= *count {
			return m, false
		}
		next, tried = next+1, tried+1
		return all[next-1], true
	}
	var workers sync.WaitGroup
	for range *parallel {
		workers.Go(func() {
			for m, ok := take(); ok; m, ok = take() {
				result := m.try(tests[m.folder])
				log.Printf("%-12s %s", result, m)
				mu.Lock()
				switch result {
				case invalid:
					tried--
				case survived:
					survivors = append(survivors, m)
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return survivors
}

const (
	invalid  = "no build"
	survived = "SURVIVED"
	found    = "found"
)

func (m mutant) try(tests []string) (result string) {
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	overlay := m.write(folder)
	if exec.Command("go", "build", overlay, "./"+m.folder).Run() != nil {
		return invalid
	}
	for _, name := range tests {
		if test(name, overlay) != nil {
			return found
		}
	}
	return survived
}

// test runs the tests of a package, without those of the documents and without the longer proofs.
func test(name string, flags ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), *patience+time.Minute)
	defer cancel()
	arguments := append([]string{"test", "-vet=off", "-failfast", "-skip=README|Documents|Language|EachSource|TestRules|TestSoak|TestCampaignPeers",
		"-timeout=" + patience.String()}, flags...)
	return exec.CommandContext(ctx, "go", append(arguments, name)...).Run()
}

// write makes an overlay for the go command.
func (m mutant) write(folder string) (flag string) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		log.Fatal(err)
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		log.Fatal(err)
	}
	copied, overlay := filepath.Join(folder, "copy.go"), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range map[string][]byte{
		copied:  slices.Concat(text[:m.from], []byte(m.is), text[m.to:]),
		overlay: replace,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return "-overlay=" + overlay
}

// dependents are, by folder of changed, the packages with tests that depend on it: its own first.
func dependents() map[string][]string {
	tests := map[string][]string{}
	for _, folder := range changed {
		tests[folder] = list(folder)
	}
	for _, binary := range list("-test", "-f", `{{if eq .Name "main"}}{{.ImportPath}},{{join .Deps ","}}{{end}}`, "./...") {
		name, dependencies, _ := strings.Cut(binary, ".test,")
		for _, folder := range changed {
			own := tests[folder][0]
			if name != own && !strings.Contains(name, "/examples") && strings.Contains(dependencies+",", own+",") {
				tests[folder] = append(tests[folder], name)
			}
		}
	}
	return tests
}

// list returns the lines that go list prints.
func list(arguments ...string) (lines []string) {
	command := exec.Command("go", append([]string{"list"}, arguments...)...)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(output)) {
		lines = append(lines, strings.ReplaceAll(strings.TrimSpace(line), " [", ",["))
	}
	return lines
}
