// Package fleet holds the test of package once with real processes: buyers that are killed and stopped, a database whose
// connections are cut and which is killed, and a service that loses, delays and refuses. At the end
// journal, answers and ledger are held against each other. See TestFleet.
package fleet
