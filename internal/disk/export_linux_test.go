package disk

var Retry = retry
