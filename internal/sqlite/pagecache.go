package sqlite

import (
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// pageCache is the page cache of one database. SQLite's own, as it is compiled here,
// keeps the pages of all databases under one mutex, taken twice for each page used,
// and needs 8 KB for a page of 4. This one belongs to its connection and has no lock.
type pageCache struct {
	pageSize  int
	extraSize int
	purgeable bool // unpinned pages may be dropped
	limit     int  // pages that it should not exceed

	count    int       // all pages
	unpinned int       // those in the list
	buckets  []uintptr // *cachedPage by key, chained; the length is a power of two
	newest   uintptr   // ends of the list of unpinned pages
	oldest   uintptr
}

// cachedPage is outside the Go heap; extra follows it in the same piece of memory.
type cachedPage struct {
	buf, extra   uintptr // the sqlite3_pcache_page that SQLite sees
	chain        uintptr // next in the bucket
	newer, older uintptr // in the list while unpinned
	key          uint32
	pinned       bool
}

var caches handles[pageCache]

// ourPageCache makes a table of SQLite's own page cache, as SQLITE_CONFIG_GETPCACHE2
// gives it, into one of ours. What sets up and ends stays: other parts of SQLite count
// on the mutex that it makes.
func ourPageCache(methods *lib.Tsqlite3_pcache_methods2) {
	methods.FxCreate = funcPointer(cacheCreate)
	methods.FxCachesize = funcPointer(cacheCachesize)
	methods.FxPagecount = funcPointer(cachePagecount)
	methods.FxFetch = funcPointer(cacheFetch)
	methods.FxUnpin = funcPointer(cacheUnpin)
	methods.FxRekey = funcPointer(cacheRekey)
	methods.FxTruncate = funcPointer(cacheTruncate)
	methods.FxDestroy = funcPointer(cacheDestroy)
	methods.FxShrink = funcPointer(cacheShrink)
}

func (c *pageCache) bucket(key uint32) *uintptr { return &c.buckets[int(key)&(len(c.buckets)-1)] }

func (c *pageCache) find(key uint32) uintptr {
	p := *c.bucket(key)
	for p != 0 && at[cachedPage](p).key != key {
		p = at[cachedPage](p).chain
	}
	return p
}

func (c *pageCache) insert(p uintptr, key uint32) {
	if c.count >= len(c.buckets) {
		old := c.buckets
		c.buckets = make([]uintptr, 2*len(old))
		for _, q := range old {
			for q != 0 {
				next, b := at[cachedPage](q).chain, c.bucket(at[cachedPage](q).key)
				at[cachedPage](q).chain, *b = *b, q
				q = next
			}
		}
	}
	b := c.bucket(key)
	at[cachedPage](p).key, at[cachedPage](p).chain, *b = key, *b, p
	c.count++
}

func (c *pageCache) remove(p uintptr) {
	link := c.bucket(at[cachedPage](p).key)
	for *link != p {
		link = &at[cachedPage](*link).chain
	}
	*link = at[cachedPage](p).chain
	c.count--
}

// pin takes a page out of the list of those that may be dropped.
func (c *pageCache) pin(p uintptr) {
	page := at[cachedPage](p)
	if page.pinned {
		return
	}
	if page.newer != 0 {
		at[cachedPage](page.newer).older = page.older
	} else {
		c.newest = page.older
	}
	if page.older != 0 {
		at[cachedPage](page.older).newer = page.newer
	} else {
		c.oldest = page.newer
	}
	page.pinned = true
	c.unpinned--
}

func (c *pageCache) unpin(p uintptr) {
	page := at[cachedPage](p)
	page.pinned, page.newer, page.older = false, 0, c.newest
	if c.newest != 0 {
		at[cachedPage](c.newest).newer = p
	} else {
		c.oldest = p
	}
	c.newest = p
	c.unpinned++
}

// create makes a page for key. With easy it gives 0 if the cache is nearly full of
// pinned pages: SQLite then writes some out and asks again.
func (c *pageCache) create(tls *libc.TLS, key uint32, easy bool) uintptr {
	if easy && c.purgeable && c.count-c.unpinned >= c.limit*9/10 {
		return 0
	}
	var p uintptr
	if c.purgeable && c.count >= c.limit && c.oldest != 0 {
		p = c.oldest
		c.pin(p)
		c.remove(p)
	} else if p = c.alloc(tls); p == 0 {
		return 0
	}
	*at[uintptr](at[cachedPage](p).extra) = 0 // so SQLite sees that the page is new
	c.insert(p, key)
	return p
}

func (c *pageCache) alloc(tls *libc.TLS) uintptr {
	const head = unsafe.Sizeof(cachedPage{})
	buf := libc.Xmalloc(tls, types.Size_t(c.pageSize))
	p := libc.Xmalloc(tls, types.Size_t(int(head)+c.extraSize))
	if buf == 0 || p == 0 {
		libc.Xfree(tls, buf)
		libc.Xfree(tls, p)
		return 0
	}
	*at[cachedPage](p) = cachedPage{buf: buf, extra: p + head, pinned: true}
	return p
}

func (c *pageCache) drop(tls *libc.TLS, p uintptr) {
	c.pin(p)
	c.remove(p)
	libc.Xfree(tls, at[cachedPage](p).buf)
	libc.Xfree(tls, p)
}

// shrink drops unpinned pages, the oldest first, until there are n pages.
func (c *pageCache) shrink(tls *libc.TLS, n int) {
	for c.count > n && c.oldest != 0 {
		c.drop(tls, c.oldest)
	}
}

// truncate drops all pages from limit on, pinned ones too.
func (c *pageCache) truncate(tls *libc.TLS, limit uint32) {
	for _, p := range c.buckets {
		for p != 0 {
			next := at[cachedPage](p).chain
			if at[cachedPage](p).key >= limit {
				c.drop(tls, p)
			}
			p = next
		}
	}
}

// What follows are the functions that SQLite calls; a cache is a handle to it.

func cacheOf(h uintptr) *pageCache { return caches.get(uint32(h)) }

func cacheCreate(tls *libc.TLS, pageSize, extraSize, purgeable int32) uintptr {
	return uintptr(caches.add(&pageCache{
		pageSize:  int(pageSize),
		extraSize: int(extraSize),
		purgeable: purgeable != 0,
		buckets:   make([]uintptr, 8),
	}))
}

func cacheCachesize(tls *libc.TLS, h uintptr, pages int32) {
	c := cacheOf(h)
	c.limit = int(pages)
	if c.purgeable {
		c.shrink(tls, c.limit)
	}
}

func cachePagecount(tls *libc.TLS, h uintptr) int32 { return int32(cacheOf(h).count) }

func cacheFetch(tls *libc.TLS, h uintptr, key uint32, create int32) uintptr {
	c := cacheOf(h)
	p := c.find(key)
	switch {
	case p != 0:
		c.pin(p)
	case create != 0:
		p = c.create(tls, key, create == 1)
	}
	return p
}

func cacheUnpin(tls *libc.TLS, h, p uintptr, discard int32) {
	c := cacheOf(h)
	c.unpin(p)
	if discard != 0 {
		c.drop(tls, p)
	} else if c.purgeable {
		c.shrink(tls, c.limit)
	}
}

func cacheRekey(tls *libc.TLS, h, p uintptr, oldKey, newKey uint32) {
	c := cacheOf(h)
	if q := c.find(newKey); q != 0 && q != p {
		c.drop(tls, q)
	}
	c.remove(p)
	c.insert(p, newKey)
}

func cacheTruncate(tls *libc.TLS, h uintptr, limit uint32) { cacheOf(h).truncate(tls, limit) }

func cacheDestroy(tls *libc.TLS, h uintptr) {
	cacheOf(h).truncate(tls, 0)
	caches.remove(uint32(h))
}

func cacheShrink(tls *libc.TLS, h uintptr) { cacheOf(h).shrink(tls, 0) }
