// Package browser tests the examples' pages in a real browser. It is a module of its own, so
// that programs which use the library need not know of the browser's driver.
package browser
