// Command mutants changes the source at random places, and prints the changes that no test finds: an operator, a condition, a
// constant, or a statement that is gone. The tests are those of every package that depends on the changed one, without examples.
// The files of the checkout stay as they are: the go command is told to read others in their place.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	gobuild "go/build"
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
)

var (
	count    = flag.Int("n", 60, "how many mutants to try")
	seed     = flag.Uint64("seed", 0, "what the mutants follow from; 0 picks one")
	patience = flag.String("patience", "3m", "how long the tests of a package may take")
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
	overlay      string // the flag that puts it in its place
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d: %q is %q", m.file, m.line, m.was, m.is) }

// mutantsOf changes what is part of the program on this system.
func mutantsOf(folder string) (mutants []mutant) {
	source, err := gobuild.ImportDir(folder, 0)
	must(err)
	for _, name := range source.GoFiles {
		mutants = append(mutants, mutantsIn(folder, filepath.Join(folder, name))...)
	}
	return mutants
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func mutantsIn(folder, file string) (mutants []mutant) {
	text, err := os.ReadFile(file)
	must(err)
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, text, 0)
	must(err)
	offset := func(at token.Pos) int { return files.Position(at).Offset }
	add := func(from, to token.Pos, is string) {
		was := string(text[offset(from):offset(to)])
		is = strings.ReplaceAll(is, "{}", was)
		mutants = append(mutants, mutant{folder, file, files.Position(from).Line, offset(from), offset(to), was, is, ""})
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if declared, ok := n.(*ast.GenDecl); ok && declared.Tok == token.IMPORT {
			return false
		}
		change(n, add)
		return true
	})
	return mutants
}

var operators = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
	token.LAND: "||", token.LOR: "&&", token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*",
}

// change adds the mutants of a node. In what it adds, {} is what was there.
func change(n ast.Node, add func(from, to token.Pos, is string)) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		if is := operators[n.Op]; is != "" {
			add(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), is)
		}
	case *ast.IfStmt:
		add(n.Cond.Pos(), n.Cond.End(), "!({})")
	case *ast.CaseClause:
		for _, e := range n.List {
			if _, isBinary := e.(*ast.BinaryExpr); isBinary {
				add(e.Pos(), e.End(), "!({})")
			}
		}
	case *ast.BasicLit:
		if value, err := strconv.Atoi(n.Value); err == nil {
			add(n.Pos(), n.End(), strconv.Itoa(value+1))
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
	tests := testPackages()
	if !pass("-overlay=", tests...) {
		log.Fatal("tests fail without a change")
	}
	folder, err := os.MkdirTemp("", "mutants")
	must(err)
	defer os.RemoveAll(folder)
	for tried := 0; tried < *count && len(all) > 0; all = all[1:] {
		m := all[0]
		m.write(filepath.Join(folder, strconv.Itoa(len(all))))
		switch {
		case !goes(m.overlay, "build", "./"+m.folder):
			continue
		case !pass(m.overlay, "./"+m.folder) || !pass(m.overlay, tests...):
			log.Println("found   ", m)
		default:
			log.Println("SURVIVED", m)
			survivors = append(survivors, m)
		}
		tried++
	}
	return survivors
}

func testPackages() []string {
	listed, err := exec.Command("go", "list", "./...").Output()
	must(err)
	return slices.DeleteFunc(strings.Fields(string(listed)), func(name string) bool { return strings.Contains(name, "/examples") })
}

// write makes an overlay for the go command.
func (m *mutant) write(folder string) {
	text, err := os.ReadFile(m.file)
	must(err)
	original, err := filepath.Abs(m.file)
	must(err)
	must(os.Mkdir(folder, 0o700))
	copied, overlay := filepath.Join(folder, "copy.go"), filepath.Join(folder, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: copied}})
	must(err)
	must(os.WriteFile(copied, slices.Concat(text[:m.from], []byte(m.is), text[m.to:]), 0o600))
	must(os.WriteFile(overlay, replace, 0o600))
	m.overlay = "-overlay=" + overlay
}

// pass runs the tests of packages, without those of the documents and without the longer proofs. What does not depend on the
// change passes from the cache.
func pass(overlay string, packages ...string) bool {
	return goes(overlay, append([]string{"test", "-vet=off", "-failfast", "-timeout=" + *patience,
		"-skip=README|Documents|Language|EachSource|TestRules|TestSoak|TestCampaignPeers"}, packages...)...)
}

// goes reports whether the go command succeeds. The overlay is in its environment, because some tests build programs.
func goes(overlay string, arguments ...string) bool {
	command := exec.Command("go", arguments...)
	command.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" "+overlay)
	return command.Run() == nil
}
