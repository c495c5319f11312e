package catalog

// ParseIdentity and Text are how an identity is read and written.
var ParseIdentity = parseIdentity

// Text is what the file says.
func (n Namespace) Text() string { return n.text() }

// ParseKey is how a folder's name is read.
var ParseKey = parseKey
