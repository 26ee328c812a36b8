package config

import "go.yaml.in/yaml/v4"

// readLater checks the sections that the documentation describes and that this version does not use yet. They
// are held to their shape all the same, so that a file that is accepted today means the same tomorrow.
func readLater(o *object) []string {
	var present []string
	for _, section := range []struct {
		name string
		read func(*object)
	}{
		{"stream", readStream},
	} {
		if child := o.object(section.name); child != nil {
			section.read(child)
			child.done()
			present = append(present, section.name)
		}
	}
	return present
}

func readStream(o *object) {
	o.require("brokers", `such as brokers: ["localhost:9092"]`)
	o.list("brokers", func(n *yaml.Node, path string) {
		s, ok := o.value(n, path)
		if !ok {
			return
		}
		if text, ok := o.filled(s); ok && !listenable(text) {
			o.wrong(s, "must be host:port, found "+s.shown(), "")
		}
	})
	o.text("topic", new(string))
}
