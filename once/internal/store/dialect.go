package store

import (
	"fmt"
	"strconv"
	"strings"
)

// table is the name of the journal's table; its indexes begin with it.
const table = "computeunit_purchases"

const columns = "purchase_key, version, open_service, instance_id, state, changed_at, data"

// dialect is what differs between databases, as statements.
type dialect struct {
	schema   []string // the statements that create the table
	describe string   // a query for the table as lines of text, none if there is no table
	shape    []string // those lines for the table that the schema creates, sorted

	durable []setting // without one of them a write changes no row
	fresh   []setting // without one of them a read is an error

	insert, replace                 string
	read, readOpenService, readOpen string
	durability                      string // a query for the index of the first setting of durable that does not hold, or -1
	numbered                        bool   // parameters are $1, $2 instead of ?
	parameter                       string // an expression for one, if it is not the parameter itself
}

// setting is what a connection must have. Settings differ between the connections of a pool, so that each statement
// checks those of its own connection.
type setting struct {
	holds   string // a condition in SQL
	refusal string
}

func dialectNamed(name string) (dialect, error) {
	switch name {
	case "sqlite":
		return sqlite.withStatements("", " ON CONFLICT DO NOTHING"), nil
	case "postgresql":
		return postgresql.withStatements("", " ON CONFLICT DO NOTHING"), nil
	case "mysql":
		// Not INSERT IGNORE: it also ignores what does not fit.
		return mysql.withStatements(" FROM DUAL", ""), nil
	}
	return dialect{}, fmt.Errorf("journal: unknown dialect %q: it is SQLite, PostgreSQL or MySQL", name)
}

// Schema returns the statements that create the table, each ended by a semicolon and a line break.
func Schema(name string) (string, error) {
	d, err := dialectNamed(name)
	if err != nil {
		return "", err
	}
	return strings.Join(d.schema, ";\n\n") + ";\n", nil
}

func (d dialect) withStatements(from, onConflict string) dialect {
	var holds []string
	for _, setting := range d.durable {
		holds = append(holds, "("+setting.holds+")")
	}
	durable := strings.Join(holds, " AND ")
	d.insert = d.parameters("INSERT INTO " + table + " (" + columns + ") SELECT ?, ?, ?, ?, ?, ?, ?" + from +
		" WHERE " + durable + onConflict)
	d.replace = d.parameters("UPDATE " + table + " SET version = ?, open_service = ?, instance_id = ?, state = ?," +
		" changed_at = ?, data = ? WHERE purchase_key = ? AND version = ? AND " + durable)
	d.durability = "SELECT " + firstTrouble(d.durable)
	d.read = d.selectRecords("purchase_key = ?")
	d.readOpenService = d.selectRecords("open_service = ?")
	d.readOpen = d.selectRecords("open_service IS NOT NULL") + " ORDER BY changed_at, purchase_key"
	return d
}

func (d dialect) owners(n int) string {
	return d.selectRecords("instance_id IN (?" + strings.Repeat(", ?", n-1) + ")")
}

// selectRecords is a query that returns at least one row, so that it can return what is wrong with the connection.
func (d dialect) selectRecords(condition string) string {
	return d.parameters("SELECT " + firstTrouble(d.fresh) + ", " + columns +
		" FROM (SELECT 1 AS one) AS always LEFT JOIN " + table + " ON " + condition)
}

// firstTrouble is an expression for the index of the first setting that does not hold, or -1.
func firstTrouble(settings []setting) string {
	if len(settings) == 0 {
		return "-1"
	}
	var cases strings.Builder
	for i, setting := range settings {
		fmt.Fprintf(&cases, " WHEN NOT (%s) THEN %d", setting.holds, i)
	}
	return "CASE" + cases.String() + " ELSE -1 END"
}

func (d dialect) parameters(statement string) string {
	if d.parameter != "" {
		statement = strings.ReplaceAll(statement, "?", d.parameter)
	}
	if !d.numbered {
		return statement
	}
	var numbered strings.Builder
	for i, part := range strings.Split(statement, "?") {
		if i > 0 {
			numbered.WriteString("$" + strconv.Itoa(i))
		}
		numbered.WriteString(part)
	}
	return numbered.String()
}
