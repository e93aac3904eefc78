package simulator

import "net/http"

const (
	resourcePath   = "/v2/serviceresources"
	actionPurchase = "PurchaseComputeUnit"
	actionDescribe = "DescribeComputeUnits"
)

// checkPath comes before the signature, as the gateway was observed to do it.
func checkPath(r *http.Request) *Refusal {
	if r.URL.Path != resourcePath {
		return refuse(codeResourceNotFound, "no such path: %s", r.URL.Path)
	}
	return nil
}

// route finds the action that a request asks for. Which codes go with another
// method and another action is invented.
func route(r *http.Request) (action string, refusal *Refusal) {
	if r.Method != http.MethodPost {
		return "", invented(codeInvalidHTTPRequest, "%s is not POST", r.Method)
	}
	action = r.URL.Query().Get("Action")
	if action != actionPurchase && action != actionDescribe {
		return "", invented(codeInvalidURI, "no such action: %q", action)
	}
	return action, nil
}
