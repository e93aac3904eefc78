package computeunit_test

import (
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/qianfan-go/computeunit/computeunittest"
)

// The conventions for the code in the READMEs and in docs, so that it can be compiled:
//
//   - A ```go fence that is a whole file begins with "package". Those of one package in a document belong together; one
//     that imports "testing" is a _test.go file. They are compiled, vetted, and their tests are run.
//   - One with a file behind "go" is a part of that file, which a module of its own tests.
//   - One with declarations only becomes a file of its own, with the imports of knownImports that it uses.
//   - Every other one is statements: the body of a function that returns an error, with knownNames beside the imports. It
//     may leave out the last return, and leave variables unused.
const knownNames = `
var (
	ctx     context.Context
	client  *computeunit.Client
	request computeunit.PurchaseComputeUnitRequest
	db      *sql.DB
	err     error
)
`

const module = "github.com/qianfan-go/computeunit"

// knownImports are what a fragment may use, each by the last part of its path.
var knownImports = strings.Fields("context crypto/tls crypto/x509 database/sql errors log log/slog net/http sync time " + module + " " + module + "/once")

// maxLines is how long a page may be, in both languages: what is longer is not read.
var maxLines = map[string]int{
	"README.md": 200, "docs/benchmarks.md": 60, "docs/once.md": 210, "docs/once-design.md": 110, "docs/operating.md": 150,
	"docs/outcomes.md": 130, "docs/recipes.md": 90, "docs/security.md": 90, "docs/testing.md": 200,
}

func TestThePagesStayShort(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "README.md", "README.zh-CN.md") {
		text := read(t, page)
		assert.LessOrEqual(t, strings.Count(text, "\n"), maxLines[strings.Replace(page, chinese, ".md", 1)], page)
		if strings.HasPrefix(page, "README") {
			assert.LessOrEqual(t, len(strings.Fields(text)), 1500, "words of %s", page)
		}
	}
}

// fence has its language, the file that it is a part of, and its content.
var fence = regexp.MustCompile("(?ms)^```(\\w*) ?(\\S*)\n(.*?)^```$")

// fences are the contents of a document's code blocks in a language.
func fences(t *testing.T, document, language string) (code []string) {
	t.Helper()
	for _, match := range fence.FindAllStringSubmatch(read(t, document), -1) {
		switch file := match[2]; {
		case match[1] != language:
		case file == "":
			code = append(code, match[3])
		default:
			assert.Contains(t, read(t, filepath.Join(filepath.Dir(document), file)), match[3], document)
		}
	}
	return code
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// prose is a document without its code blocks.
func prose(t *testing.T, document string) string {
	t.Helper()
	return fence.ReplaceAllString(read(t, document), "")
}

// TestREADME compiles, vets and runs the code of every document as a service would: in a module of its own, with what the
// README's commands install. The Chinese pages have the same code: see TestBothLanguagesSayTheSame. Then it runs the program of
// the README against a stand-in.
func TestREADME(t *testing.T) {
	folder := install(t)
	for page := range maxLines {
		writeCode(t, filepath.Join(folder, strings.TrimSuffix(filepath.Base(page), ".md")), page)
	}
	goCommand(t, folder, "readonly", "test", "-vet=all", "./...")
	goCommand(t, folder, "readonly", "build", "-o", "program", "./README/main")
	for want, fault := range map[string]computeunittest.Fault{
		"bought: instance ":                                   {},
		"nothing was bought: computeunit: ":                   computeunittest.Denied(),
		"an order may exist, do not buy again: computeunit: ": computeunittest.LoseAnswer(),
	} {
		server := computeunittest.NewServer()
		defer server.Close()
		server.NextPurchases(fault)
		buy := exec.Command(filepath.Join(folder, "program"))
		buy.Env = append(os.Environ(), "QIANFAN_ACCESS_KEY="+server.Credentials.AccessKeyID,
			"QIANFAN_SECRET_KEY="+server.Credentials.SecretAccessKey, "QIANFAN_CONSOLE_BASE_URL="+server.URL)
		output, _ := buy.CombinedOutput()
		assert.Contains(t, string(output), want)
	}
}

// install runs the README's commands in an empty folder, with the modules of go.mod at its versions and from the module cache, so
// that no network and no later version decides a test.
func install(t *testing.T) (folder string) {
	t.Helper()
	checkout, err := os.Getwd()
	require.NoError(t, err)
	folder = t.TempDir()
	write(t, folder, "go.sum", read(t, "go.sum"))
	commands := strings.ReplaceAll(fences(t, "README.md", "sh")[0], "=../computeunit", "="+checkout)
	for _, required := range regexp.MustCompile(`(?m)^\t(\S+) (v\S+)`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		commands = regexp.MustCompile(`\Q`+required[1]+`\E\S*`).ReplaceAllString(commands, "$0@"+required[2])
	}
	for line := range strings.Lines(commands) {
		command, _, _ := strings.Cut(line, " #")
		goCommand(t, folder, "mod", strings.Fields(command)[1:]...)
	}
	return folder
}

func goCommand(t *testing.T, folder, mod string, arguments ...string) {
	t.Helper()
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), "GOFLAGS=-mod="+mod, "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local")
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s:\n%s", command, output)
}

func writeCode(t *testing.T, folder, document string) {
	t.Helper()
	for i, code := range fences(t, document, "go") {
		name, isFile := strings.CutPrefix(code, "package ")
		switch name, _, _ = strings.Cut(name, "\n"); {
		case !isFile:
			write(t, folder, fmt.Sprintf("fragment%d/fragment.go", i), completed(code))
		case strings.Contains(code, `"testing"`):
			write(t, folder, fmt.Sprintf("%s/fence%d_test.go", name, i), code)
		default:
			write(t, folder, fmt.Sprintf("%s/fence%d.go", name, i), code)
		}
	}
}

func write(t *testing.T, folder, name, text string) {
	t.Helper()
	path := filepath.Join(folder, filepath.FromSlash(name))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// completed makes a file of declarations, or of statements. Those are in a loop without an end, so that they need no return, and
// what they declare counts as used.
func completed(code string) string {
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+code, 0); err != nil {
		for _, names := range all(`(?m)^(\w+(?:, \w+)*) := `, code) {
			code += "\tfunc(...any) {}(" + strings.ReplaceAll(names, "_", "nil") + ")\n"
		}
		code = knownNames + "\nfunc _() error {\n\tfor {\n" + code + "\t}\n}\n"
	}
	imports := ""
	for _, path := range knownImports {
		if regexp.MustCompile(`\b` + path[strings.LastIndex(path, "/")+1:] + `\.[A-Z]`).MatchString(code) {
			imports += fmt.Sprintf("import %q\n", path)
		}
	}
	return "package fragment\n\n" + imports + code
}

const chinese = ".zh-CN.md"

// A reader of one language finds the same in the other: the same code but for comments, as many headings and list items, the
// same links, names and numbers, and in each row of a table the same.
func TestBothLanguagesSayTheSame(t *testing.T) {
	translated := 0
	for _, page := range files(t, chinese) {
		translated++
		found := inEveryLanguage(t, page)
		for what, want := range inEveryLanguage(t, strings.Replace(page, chinese, ".md", 1)) {
			assert.Equal(t, want, found[what], "%s of %s", what, page)
		}
	}
	assert.Equal(t, 3, translated)
}

func inEveryLanguage(t *testing.T, page string) map[string][]string {
	t.Helper()
	text := regexp.MustCompile(`#[^)\s]+\)`).ReplaceAllString(strings.ReplaceAll(prose(t, page), chinese, ".md"), ")")
	common := map[string][]string{
		"headings": all(`(?m)^(#+) `, text), "items": all(`(?m)^ *(-|\d+\.) `, text),
		"links": all(`\]\(([^)]+)\)`, text), "names": all("`([^`]+)`", text),
		"codes": all(`([A-Z]+[a-z]+[A-Z]\w*|\d{3,})`, text),
	}
	for _, of := range []string{"links", "names", "codes"} {
		slices.Sort(common[of])
	}
	common["codes"] = slices.Compact(common["codes"])
	for _, row := range all(`(?m)^ *(\|.*)$`, text) {
		cells := all("(`[^`]+`|\\d+)", row)
		slices.Sort(cells)
		common["rows"] = append(common["rows"], strings.Join(cells, " "))
	}
	for language, comment := range map[string]string{"go": `(?m)(^|\s+)//.*$`, "sh": `(?m)#.*$`, "sql": `(?m)--.*$`} {
		for _, code := range fences(t, page, language) {
			common[language] = append(common[language], regexp.MustCompile(comment).ReplaceAllString(code, ""))
		}
	}
	return common
}

func TestTheOutcomeOfEachRowIsTheSameInChinese(t *testing.T) {
	outcomes := func(page string) []string {
		return all(`(?m)^\| \d+ \|.+\| ((?:not )?[^|;； ]+)[^|]*\|[^|]+\|$`, read(t, page))
	}
	var translated []string
	for _, outcome := range outcomes("docs/outcomes.md") {
		translated = append(translated, map[string]string{"not purchased": "未购买", "**bought**": "**已购买**", "unknown": "未知"}[outcome])
	}
	assert.Len(t, translated, 10)
	assert.Equal(t, translated, outcomes("docs/outcomes.zh-CN.md"))
}

// What tests are called is for those who change the code: it is in docs, if anywhere.
func TestTheREADMEsNameTheTwoCommandsAndNoTest(t *testing.T) {
	for _, readme := range []string{"README.md", "README.zh-CN.md"} {
		assert.Contains(t, fences(t, readme, "sh"), "go run ./examples/prepaid\ngo test ./...\n", readme)
		assert.Empty(t, all(`\b((?:Test|Fuzz|Example)[A-Z]\w+)`, prose(t, readme)), readme)
	}
}

// What the documents point at must be there: files, headings, tests, programs, targets of make.
func TestTheDocumentsPointAtWhatExists(t *testing.T) {
	makefile, tests := read(t, "Makefile"), new(strings.Builder)
	for _, path := range files(t, "_test.go") {
		tests.WriteString(read(t, path))
	}
	for _, document := range files(t, ".md") {
		text := prose(t, document)
		for _, link := range all(`\]\(([^)]+)\)`, text) {
			checkLink(t, document, link)
		}
		for _, name := range all(`\b((?:Test|Fuzz|Example)[A-Z]\w+)`, text) {
			assert.True(t, strings.Contains(tests.String(), "\nfunc "+name+"("), "%s: there is no test %s", document, name)
		}
		for _, program := range all(`go run \./([\w/]+)`, read(t, document)) {
			assert.DirExists(t, program, document)
		}
		for _, target := range all("`make ([\\w-]+)", text) {
			assert.Regexp(t, `(?m)^`+target+`:`, makefile, document)
		}
	}
}

// all is the first group of every match.
func all(pattern, text string) (found []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func checkLink(t *testing.T, document, link string) {
	t.Helper()
	if strings.HasPrefix(link, "https://") {
		return
	}
	path, heading, _ := strings.Cut(link, "#")
	target := filepath.Join(filepath.Dir(document), filepath.FromSlash(cmp.Or(path, filepath.Base(document))))
	if _, err := os.Stat(target); assert.NoError(t, err, document) && heading != "" {
		assert.Contains(t, anchors(t, target), heading, "%s links to %s", document, link)
	}
}

// anchors are the headings as GitHub links to them: lower-case, blanks as hyphens, without punctuation.
func anchors(t *testing.T, document string) (anchors []string) {
	t.Helper()
	punctuation := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	for _, heading := range all(`(?m)^#+ (.+)$`, prose(t, document)) {
		anchors = append(anchors, strings.ReplaceAll(punctuation.ReplaceAllString(strings.ToLower(heading), ""), " ", "-"))
	}
	return anchors
}

// files are those of the repository, nested modules too, whose names end so.
func files(t *testing.T, ending string) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(path, ending):
			paths = append(paths, path)
		}
		return nil
	}))
	return paths
}

// plainWords are words that do not belong into code, comments, error texts and documents, and what to say instead. Written so
// that a pattern does not match itself.
var plainWords = map[string]string{
	`tell[s]`:                     "reports, says",
	`men[d](s|ed|ing)?`:           "fix",
	`lac[k](s|ed|ing)?`:           "missing, shortage",
	`doub[t](s|ed|ful)?`:          "unknown, ambiguous",
	`hopeles[s](ly)?`:             "permanent",
	`pee[k](s|ed|ing)?`:           "look",
	`no (eye|ear) (sees|hear[s])`: "invisible",
	`wher[e] (nothing|not)`:       "if",
	`tol[d] (apart|from)`:         "kept apart, distinguished",
}

func TestLanguage(t *testing.T) {
	texts := map[string]string{}
	for _, path := range append(files(t, ".go"), files(t, ".md")...) {
		texts[path] = read(t, path)
	}
	for word, instead := range plainWords {
		pattern := regexp.MustCompile(`(?im)^.*\b(` + word + `)(\b|$).*$`)
		for path, text := range texts {
			for _, line := range pattern.FindAllString(text, -1) {
				t.Errorf("%s: say %q here: %s", path, instead, strings.TrimSpace(line))
			}
		}
	}
}

// outcomesPage is what users read: the tests of the outcomes take their lists from it.
var outcomesPage = func() string {
	text, err := os.ReadFile("docs/outcomes.md")
	if err != nil {
		panic(err)
	}
	return string(text)
}()

// What else the page says of the statuses and the codes: TestEveryStatusWithEachShape and TestEachDocumentedCodeRefusesInEachPlace
// go through its lists.
func TestTheOutcomesDocumentIsWhatTheClientDoes(t *testing.T) {
	assert.Len(t, refusingStatuses, 23)
	for _, status := range statuses(`(?m)^\| 9 \| Every other status: (.+?), 5xx`) {
		assert.NotContains(t, refusingStatuses, status, "in rows 6 and 9")
	}
	assert.ElementsMatch(t, refusingCodes, append(all(`"(\w+)"`, row(t, read(t, "outcome.go"), `(?s)documentedRefusals = \[\]string\{(.+?)\}`)), "RequestExpired"))
	for _, code := range all(`(\d{6})`, row(t, outcomesPage, `(?s)\*\*Failure inside\*\*: (.+?), or a text`)) {
		assert.ErrorIs(t, buyAnswered(t, 400, `{"code":`+code+`}`), unknown, code)
	}
}

// ofType is a value of each type that a field can have.
var ofType = map[string]string{
	"string": `"x"`, "integer": "7", "object": `{"x":1}`, "boolean": "true", "number": "1.5", "list": "[1]",
}

// The field table of docs/outcomes.md, cell by cell.
func TestTheFieldsOfTheOutcomesDocumentAreWhatTheClientReads(t *testing.T) {
	cells := regexp.MustCompile("(?m)^\\| (`.+?`.*?) \\| (.+?) \\| missing, (.+?) \\|$")
	rows := cells.FindAllStringSubmatch(outcomesPage, -1)
	require.Len(t, rows, 5)
	for _, cells := range rows {
		types := cells[2][strings.LastIndex(cells[2], ":")+1:] // of a result: in a refusal
		for _, name := range all("`(.+?)`", cells[1]) {
			for _, nothing := range all("`(.+?)`", cells[3]) {
				other := map[bool]string{true: "error_code", false: "code"}[name == "code"]
				body := fmt.Sprintf(`{%q:"AccessDenied",%q:%s}`, other, name, nothing)
				assert.ErrorIs(t, buyAnswered(t, 403, body), notPurchased, body)
			}
			for kind, value := range ofType {
				if strings.Contains(types, kind) && name != "success" {
					continue // it is an error, and whether one refuses is another row
				}
				body := fmt.Sprintf(`{%q:%s}`, name, value)
				assert.ErrorIs(t, buyAnswered(t, 403, body), unknown, body)
			}
		}
	}
}

// row is the one match of a pattern.
func row(t *testing.T, text, pattern string) string {
	t.Helper()
	found := all(pattern, text)
	require.Len(t, found, 1, pattern)
	return found[0]
}

// statuses are those of a list of the page's like "400–405, 407 or 410".
func statuses(pattern string) (listed []int) {
	for _, match := range regexp.MustCompile(`(\d+)(?:–(\d+))?`).FindAllStringSubmatch(strings.Join(all(pattern, outcomesPage), ""), -1) {
		first, _ := strconv.Atoi(match[1])
		last, _ := strconv.Atoi(cmp.Or(match[2], match[1]))
		for status := first; status <= last; status++ {
			listed = append(listed, status)
		}
	}
	return listed
}

// A source without an address cannot be looked up.
func TestEverySourceHasAnAddress(t *testing.T) {
	sources := 0
	for _, path := range files(t, ".go") {
		for _, line := range all(`(?m)^\s*//.*\bSource[:](.*)$`, read(t, path)) {
			sources++
			assert.Contains(t, line, "https://", path)
		}
	}
	assert.Greater(t, sources, 10)
}

// unpaired are the tests that belong to no one source, beside helpers_test.go and export_test.go: those of the documents and
// of the API, the examples, and the proof of the whole of package once.
var unpaired = []string{
	"api", "bench", "example", "jsonv2", "readme", "computeunittest/example",
	"once/cost", "once/proof", "once/schedule",
}

// Who changes a source finds its tests at once. Left out are nested modules, examples, and packages that prove others.
func TestEachSourceHasItsTestBesideIt(t *testing.T) {
	elsewhere := "^examples/|testdata/|/proof/|/storetest/|/doc$|(^|/)(helpers|export)_test$"
	for _, path := range files(t, string(filepath.Separator)+"go.mod") {
		elsewhere += "|^" + strings.TrimSuffix(filepath.ToSlash(path), "go.mod")
	}
	leftOut, ofSystem := regexp.MustCompile(elsewhere+"|^doc$"), regexp.MustCompile(`_(unix|linux|darwin|windows|other)$`)
	var sources, tests []string
	for _, path := range files(t, ".go") {
		name, _ := strings.CutSuffix(filepath.ToSlash(path), ".go")
		source, isTest := strings.CutSuffix(name, "_test")
		switch source = ofSystem.ReplaceAllString(source, ""); {
		case leftOut.MatchString(name):
		case isTest:
			tests = append(tests, source)
		case !slices.Contains(sources, source):
			sources = append(sources, source)
		}
	}
	slices.Sort(tests)
	assert.ElementsMatch(t, append(sources, unpaired...), slices.Compact(tests), "the sources, and the tests of none, against the tests")
}
