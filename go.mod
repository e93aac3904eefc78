module github.com/qianfan-go/computeunit

go 1.25.0

require (
	github.com/baidubce/bce-sdk-go v0.9.277
	github.com/jarcoal/httpmock v1.4.2
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
