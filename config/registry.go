package config

import (
	"net/url"
	"strings"
)

// readRegistry reads how values are written: json, or framed by a schema registry.
func readRegistry(o *object, r *Registry) {
	value := "json"
	o.oneOf("value", &value, []string{"json", "registry-json", "registry-avro"})
	if value == "json" {
		if n := o.child("registry"); n != nil {
			o.at(target(n), join(o.path, "registry"), "is for values that a schema registry's serializer has written", "write value: registry-json or registry-avro, or remove it")
		}
		return
	}
	r.Avro = value == "registry-avro"
	o.require("registry", "such as registry: {url: \"http://localhost:8081\"}")
	section := o.object("registry")
	if section == nil {
		return
	}
	section.require("url", "such as url: \"http://localhost:8081\"")
	section.text("url", &r.URL)
	if u, err := url.Parse(r.URL); r.URL != "" && (err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "" || u.User != nil) {
		section.at(target(section.values["url"]), join(section.path, "url"), "must be a URL of http or https, without user and password", "give user and password beside it")
	}
	section.text("user", &r.User)
	section.secret("password", &r.Password)
	section.text("ca_file", &r.CAFile)
	for _, pair := range [][2]string{{"user", "password"}, {"password", "user"}} {
		if section.values[pair[0]] != nil {
			section.require(pair[1], "user and password belong together")
		}
	}
	section.done()
}
