package disk

// SyncAside is f.Sync for when there is other work for the processors meanwhile: where the
// system can do that, no thread of the program waits in the call, as Go would keep a processor
// for that thread for a while. Where nothing else is to be done it takes longer than Sync.
func SyncAside(f File) error {
	if a, ok := f.(interface{ SyncAside() error }); ok {
		return a.SyncAside()
	}
	return f.Sync()
}
