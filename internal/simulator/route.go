package simulator

import (
	"net/http"
	"strings"
)

const (
	resourcePath   = "/serviceresources"
	actionPurchase = "PurchaseComputeUnit"
	actionDescribe = "DescribeComputeUnits"
)

// route finds the action that a request asks for.
func route(r *http.Request) (action string, refusal *Refusal) {
	version, isResource := strings.CutSuffix(r.URL.Path, resourcePath)
	if !isResource {
		return "", refuse(codeInvalidURI, "no such path: %s", r.URL.Path)
	}
	if version != "/v2" {
		return "", refuse(codeInvalidVersion, "no such version: %s", version)
	}
	if r.Method != http.MethodPost {
		return "", refuse(codeInvalidHTTPRequest, "%s is not POST", r.Method)
	}
	action = r.URL.Query().Get("Action")
	if action != actionPurchase && action != actionDescribe {
		return "", refuse(codeInvalidURI, "no such action: %q", action)
	}
	return action, nil
}
