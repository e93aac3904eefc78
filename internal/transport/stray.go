package transport

import "errors"

var errStray = errors.New("the connection brought a response before the request was sent")

// refuseStray is for a server, or a proxy, that answers one request twice. What was read before this request began to
// leave would be taken for its response, and each response after that for the next one's.
func (g *gate) refuseStray() {
	if g.idle && !g.heard.Load() {
		g.stray.Store(true)
		g.conn.Close()
	}
}
