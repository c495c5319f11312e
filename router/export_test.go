package router

// StatusOf is the mapping of errors to statuses.
var StatusOf = statusOf
