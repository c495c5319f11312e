package kvstorage

// RangeOf is rangeOf.
var RangeOf = rangeOf
