// The oracle worker: interprets the ops described in ../README.md inside the reference (workerd).
import { DurableObject, env as moduleEnv } from "cloudflare:workers";
import unsafe from "workerd:unsafe";

// ---------------------------------------------------------------- state of the harness (not of objects)
// Keyed by the full object name. Shared by every object of the process; record.mjs carries it over a
// process restart through the environment variable ORACLE_CARRY.
const H = { log: {}, prog: {}, labels: {}, built: {}, alarmRuns: {} };
if (moduleEnv.CARRY) Object.assign(H, JSON.parse(moduleEnv.CARRY));

const now = () => Date.now();
const list = (table, name) => (table[name] ??= []);

// ---------------------------------------------------------------- values
const unb64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
function b64(u8) { let s = ""; for (const b of u8) s += String.fromCharCode(b); return btoa(s); }
function fnv1a(u8) {
  let h = 0x811c9dc5;
  for (const b of u8) { h ^= b; h = Math.imul(h, 0x01000193) >>> 0; }
  return h.toString(16).padStart(8, "0");
}
export function decode(v) {
  if (Array.isArray(v)) return v.map(decode);
  if (v === null || typeof v !== "object") return v;
  const keys = Object.keys(v);
  if (keys.length === 1 && keys[0].startsWith("$")) {
    const x = v[keys[0]];
    switch (keys[0]) {
      case "$bytes": return unb64(x);
      case "$num": return x === "-0" ? -0 : Number(x);
      case "$undefined": return undefined;
      case "$repeat": return x[0].repeat(x[1]);
      case "$concat": return x.map(decode).join("");
      case "$join": { const a = []; for (let i = 0; i < x[0]; i++) a.push(x[1].replaceAll("#", String(i))); return a.join(x[2]); }
      case "$zeros": return new Uint8Array(x);
      case "$list": return Array.from({ length: x[1] }, () => decode(x[0]));
      case "$nest": { let r = decode(x[0]); for (let i = 0; i < x[1]; i++) r = [r]; return r; }
    }
  }
  const out = {};
  for (const k of keys) Object.defineProperty(out, k, { value: decode(v[k]), writable: true, enumerable: true, configurable: true });
  return out;
}
export function encode(v) {
  if (v === undefined) return { $undefined: true };
  if (v === null || typeof v === "boolean") return v;
  if (typeof v === "number") {
    if (Object.is(v, -0)) return { $num: "-0" };
    return Number.isFinite(v) ? v : { $num: String(v) };
  }
  if (typeof v === "string") {
    if (v.length <= 200) return v;
    const u8 = new TextEncoder().encode(v);
    return u8.length <= 600 ? v : { $long: "text", len: u8.length, fnv1a32: fnv1a(u8) };
  }
  if (v instanceof ArrayBuffer) v = new Uint8Array(v);
  if (v instanceof Uint8Array) return v.length <= 600 ? { $bytes: b64(v) } : { $long: "bytes", len: v.length, fnv1a32: fnv1a(v) };
  if (Array.isArray(v)) return v.map(encode);
  if (typeof v === "object") {
    const out = {};
    for (const k of Object.keys(v)) Object.defineProperty(out, k, { value: encode(v[k]), writable: true, enumerable: true, configurable: true });
    return out;
  }
  return { $other: typeof v };
}

// ---------------------------------------------------------------- errors
const RULES = [
  ["not_authorized", /SQLITE_AUTH|not authorized to use function/],
  ["txn_statement", /^To execute a transaction, please use/],
  ["no_statement", /did not contain a statement/],
  ["bindings_position", /only the last statement can have parameters/],
  ["bindings", /Wrong number of parameter bindings/],
  ["one_no_row", /exactly one result.*no results/],
  ["one_many_rows", /exactly one result.*multiple/],
  ["txn_rolled_back", /on rolled back transaction/],
  ["txn_closed", /on transaction that has already committed/],
  ["outer_txn", /roll back an outer transaction/],
  ["delete_all_in_txn", /deleteAll\(\) within a transaction/],
  ["cursor_canceled", /canceled because the database was deleted/],
  ["iterator_invalidated", /iterator was invalidated/],
  ["id_invalid", /Invalid Durable Object ID/],
  ["id_foreign", /not valid for this namespace/],
  ["alarm_no_handler", /must have an alarm\(\) handler/],
  ["nested_too_deep", /nested too deeply/],
  ["limit_exceeded", /SQLITE_TOOBIG|too many |Expression tree is too large|pattern too complex|too large \(maximum depth|more than 10 tags|max tag length|cannot be larger than|should not exceed|must not be longer than|parser stack overflow|too much recursion|variable number must be|statement too long|limited to 32MiB|triggers nested too deep|at most 64 tables/],
  ["syntax", /syntax error|unrecognized token|incomplete input/],
  ["rpc_reserved", /reserved method/],
  ["rpc_no_method", /does not implement the method/],
  ["rpc_not_function", /is not a function/],
  ["not_serializable", /Could not serialize|could not be cloned|DataCloneError/],
  ["ws_closed", /send\(\) after close|closed WebSocket/],
  ["ws_already_accepted", /already accepted|after calling acceptWebSocket|after enabling hibernation/],
  ["invalid_argument", /close code|must also specify a code|undefined value|List limit must|both start and startAfter|alarm time <= 0|not a valid Date|dates after|Incorrect type|not of type/],
  ["not_running", /not currently running/],
];
export function classify(e) {
  const msg = String(e?.message ?? e);
  const user = /(?:^|: )user:([A-Za-z0-9_. -]*)/.exec(msg)?.[1];
  if (/constraints were violated/.test(msg)) return { error: "object_reset", why: "constraint" };
  if (/^internal error/.test(msg)) return e?.durableObjectReset ? { error: "object_reset", why: "internal" } : { error: "internal" };
  if (e?.durableObjectReset || e?.overloaded) {
    if (e?.overloaded) return { error: "object_reset", why: "timeout" };
    return user === undefined ? { error: "object_reset" } : { error: "object_reset", user };
  }
  if (user !== undefined) return { error: "user_error", user };
  let m = /SQLITE_CONSTRAINT(?: \(extended: SQLITE_CONSTRAINT_(\w+)\))?/.exec(msg);
  if (m) return m[1] ? { error: "constraint", detail: m[1].toLowerCase() } : { error: "constraint" };
  for (const [kind, re] of RULES) if (re.test(msg)) return { error: kind };
  m = /no such (table|column|function|index|view|trigger|module|savepoint)/.exec(msg);
  if (m) return { error: "no_such", detail: m[1] };
  m = /: SQLITE_([A-Z]+)/.exec(msg);
  if (m) return { error: "sql_error", detail: m[1].toLowerCase() };
  return { error: "UNCLASSIFIED", text: `${e?.name}: ${msg}` };
}

// ---------------------------------------------------------------- labels for alarm times
function setLabel(name, at, label) { (H.labels[name] ??= {})[String(Math.trunc(at))] = label ?? "@" + Math.trunc(at); }
function timeLabel(name, ms) {
  if (ms === null || ms === undefined) return null;
  const l = H.labels[name]?.[String(ms)];
  if (l) return l;
  if (ms > 4e12) return "@" + ms;
  return Math.abs(now() - ms) < 5000 ? "now" : "other";
}

// ---------------------------------------------------------------- listing options
const RANGE = ["start", "startAfter", "end", "prefix", "reverse", "limit"];
function range(op) { const o = {}; for (const k of RANGE) if (k in op) o[k] = decode(op[k]); return o; }
const pairs = (it) => ({ entries: [...it].map(([k, v]) => [encode(k), encode(v)]) });

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const userError = (m) => new Error("user:" + (m ?? "boom"));

// ---------------------------------------------------------------- the object
class Base extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.hex = ctx.id.toString();
    this.full = H.names?.[this.hex] ?? ctx.id.name ?? this.hex;
    this.instance = H.built[this.full] = (H.built[this.full] ?? 0) + 1;
    this.memory = 0; this.vars = {}; this.txns = {}; this.cursors = {}; this.iters = {};
    this.ownField = "own";
    const p = H.prog[this.full]?.construct;
    if (p && (p.times === undefined || this.instance <= p.times) && this.instance > (p.after ?? 0)) {
      const scope = { results: [] };
      if (p.sync) this.runSync(p.sync, scope);
      if (p.block) ctx.blockConcurrencyWhile(() => this.runAsync(p.block, scope));
    }
  }

  // --- RPC surface
  async turn(text) { return JSON.stringify({ results: await this.runAsync(JSON.parse(text), {}) }); }
  echo(...args) { return args.length === 1 ? args[0] : args; }
  add(a, b) { return a + b; }
  nothing() {}
  async slowEcho(ms, v) { await sleep(ms); return v; }
  fail(m) { throw userError(m); }
  async failLater(m) { await sleep(5); throw userError(m); }
  count() { return ++this.memory; }
  get(k) { return "get:" + k; }
  put(k) { return "put:" + k; }
  delete(k) { return "delete:" + k; }
  get notFunction() { return 42; }

  // --- op interpreter: asynchronous bodies
  async runAsync(ops, scope) {
    const results = scope.results ??= [];
    for (const op of ops) {
      if (op.op === "throw") throw userError(op.message);
      try { results.push(await this.asyncOp(op, scope)); }
      catch (e) {
        if (op.rethrow) throw e;
        results.push(e.inner ? { ...classify(e.inner), results: e.results } : classify(e));
      }
    }
    return results;
  }
  runSync(ops, scope) {
    const results = scope.results ??= [];
    for (const op of ops) {
      if (op.op === "throw") throw userError(op.message);
      try { results.push(this.syncOp(op, scope)); }
      catch (e) {
        if (op.rethrow) throw e;
        results.push(e.inner ? { ...classify(e.inner), results: e.results } : classify(e));
      }
    }
    return results;
  }
  via(op, scope) {
    if (op.via === undefined) return scope.txn ?? this.ctx.storage;
    return op.via === "storage" ? this.ctx.storage : this.txns[op.via];
  }
  async asyncOp(op, scope) {
    const s = this.ctx.storage, t = this.via(op, scope);
    switch (op.op) {
      case "kv.get": { const v = await t.get(decode(op.key)); return v === undefined ? { missing: true } : { value: encode(v) }; }
      case "kv.getMany": return pairs(await t.get(decode(op.keys)));
      case "kv.put": await t.put(decode(op.key), decode(op.value)); return { ok: true };
      case "kv.putMany": await t.put(Object.fromEntries(op.entries.map(([k, v]) => [decode(k), decode(v)]))); return { ok: true };
      case "kv.delete": return { value: await t.delete(decode(op.key)) };
      case "kv.deleteMany": return { value: await t.delete(decode(op.keys)) };
      case "kv.list": return pairs(await t.list(range(op)));
      case "deleteAll": await t.deleteAll(); return { ok: true };
      case "sync": await s.sync(); return { ok: true };
      case "alarm.get": return { alarm: timeLabel(this.full, await t.getAlarm()) };
      case "alarm.set": {
        const at = "in" in op ? now() + op.in : decode(op.at);
        setLabel(this.full, at, op.label);
        await t.setAlarm(at); return { ok: true };
      }
      case "alarm.delete": await t.deleteAlarm(); return { ok: true };
      case "sleep": await sleep(op.ms); return { ok: true };
      case "txn": {
        const results = []; let failed = null;
        try {
          await s.transaction(async (txn) => {
            if (op.as) this.txns[op.as] = txn;
            await this.runAsync(op.body ?? [], { ...scope, txn, results });
            if (op.end === "throw") throw userError(op.message);
            if (op.end === "rollback") txn.rollback();
          });
        } catch (e) { failed = e; }
        if (failed) { const w = new Error(failed.message); w.inner = failed; w.results = results; for (const k of ["durableObjectReset", "overloaded"]) if (failed[k]) w[k] = failed[k]; throw w; }
        return { ok: true, results };
      }
      case "txn.rollback": t.rollback(); return { ok: true };
      case "blockConcurrencyWhile": {
        const results = [];
        await this.ctx.blockConcurrencyWhile(async () => {
          await this.runAsync(op.body ?? [], { ...scope, results });
          if (op.end === "throw") throw userError(op.message);
        });
        return { ok: true, results };
      }
      case "try": {
        const results = [];
        try { await this.runAsync(op.body, { ...scope, results }); return { ok: true, results }; }
        catch (e) { return { ...classify(e.inner ?? e), results }; }
      }
      case "nest": { // blockConcurrencyWhile inside itself, op.depth times
        const dive = (n) => this.ctx.blockConcurrencyWhile(async () => {
          if (n <= 1) return "bottom";
          if (!op.catch || n > 2) return await dive(n - 1);
          try { return await dive(1); } catch (e) { return classify(e); }
        });
        return { value: await dive(op.depth) };
      }
      case "waitUntil": { const body = op.body; this.ctx.waitUntil(this.runAsync(body, {})); return { ok: true }; }
      case "call": { // this object calls another one over its stub
        const ns = this.env[op.ns ?? "main"], name = this.full.slice(0, this.full.lastIndexOf("/") + 1) + op.on;
        const r = JSON.parse(await ns.getByName(name).turn(JSON.stringify(op.turn)));
        return { results: r.results };
      }
      default: return this.syncOp(op, scope);
    }
  }
  sockets(op) { return this.ctx.getWebSockets(...("tag" in op && op.tag !== null ? [decode(op.tag)] : [])); }
  syncOp(op, scope) {
    const s = this.ctx.storage;
    switch (op.op) {
      case "kvs.get": { const v = s.kv.get(decode(op.key)); return v === undefined ? { missing: true } : { value: encode(v) }; }
      case "kvs.put": s.kv.put(decode(op.key), decode(op.value)); return { ok: true };
      case "kvs.delete": return { value: s.kv.delete(decode(op.key)) };
      case "kvs.list": return pairs(s.kv.list(range(op)));
      case "kvs.iter": this.iters[op.iter] = s.kv.list(range(op))[Symbol.iterator](); return { ok: true };
      case "kvs.next": { const r = this.iters[op.iter].next(); return r.done ? { done: true } : { entry: [encode(r.value[0]), encode(r.value[1])] }; }
      case "sql.exec": {
        const c = s.sql.exec(decode(op.sql), ...(op.bindings ? decode(op.bindings) : []));
        switch (op.mode ?? "raw") {
          case "raw": { const rows = [...c.raw()].map((r) => r.map(encode)); return { columns: c.columnNames, rows }; }
          case "void": return { ok: true };
          case "one": return { row: encode(c.one()) };
          case "objects": return { rows: c.toArray().map(encode) };
          case "names": return { columns: c.columnNames };
          case "counters": c.toArray(); return { rowsRead: c.rowsRead, rowsWritten: c.rowsWritten };
          case "written": c.toArray(); return { rowsWritten: c.rowsWritten };
          case "count": return { count: c.toArray().length };
        }
        throw new Error("bad mode");
      }
      case "sql.open": this.cursors[op.cursor] = s.sql.exec(decode(op.sql), ...(op.bindings ? decode(op.bindings) : [])); return { ok: true };
      case "sql.next": { const r = this.cursors[op.cursor].raw().next(); return r.done ? { done: true } : { row: r.value.map(encode) }; }
      case "sql.rest": return { rows: [...this.cursors[op.cursor].raw()].map((r) => r.map(encode)) };
      case "sql.columns": return { columns: this.cursors[op.cursor].columnNames };
      case "sql.size": { const n = s.sql.databaseSize; if (op.as) this.vars[op.as] = n; return op.above ? { value: n > this.vars[op.above] } : { positive: n > 0 }; }
      case "txnSync": {
        const results = []; let failed = null;
        try {
          s.transactionSync(() => {
            this.runSync(op.body ?? [], { ...scope, results });
            if (op.end === "throw") throw userError(op.message);
          });
        } catch (e) { failed = e; }
        if (failed) { const w = new Error(failed.message); w.inner = failed; w.results = results; throw w; }
        return { ok: true, results };
      }
      case "try": {
        const results = [];
        try { this.runSync(op.body, { ...scope, results }); return { ok: true, results }; }
        catch (e) { return { ...classify(e.inner ?? e), results }; }
      }
      case "mem.incr": return { value: ++this.memory };
      case "mem.get": return { value: this.memory };
      case "mem.instance": return { value: this.instance };
      case "id.self": return { id: this.hex, name: this.ctx.id.name === undefined ? null : encode(this.ctx.id.name) };
      case "note": list(H.log, this.full).push({ ev: "note", text: op.text }); return { ok: true };
      case "abort": if (scope.entry) scope.entry.end = "abort"; if (op.message === undefined) this.ctx.abort(); else this.ctx.abort("user:" + op.message); return { ok: true };
      // WebSockets
      case "ws.list": return { sockets: this.sockets(op).map((w) => ({ tags: this.ctx.getTags(w).map(encode), attachment: encode(w.deserializeAttachment()) })) };
      case "ws.count": return { value: this.sockets(op).length };
      case "ws.sendAll": { const l = this.sockets(op); for (const w of l) w.send("bytes" in op ? unb64(op.bytes) : decode(op.text)); return { value: l.length }; }
      case "ws.closeAll": { const l = this.sockets(op); for (const w of l) this.close(w, op); return { value: l.length }; }
      case "ws.reply": scope.ws.send("bytes" in op ? unb64(op.bytes) : decode(op.text)); return { ok: true };
      case "ws.echo": scope.ws.send(scope.data); return { ok: true };
      case "ws.closeSelf": this.close(scope.ws, op); return { ok: true };
      case "ws.tags": return { tags: this.ctx.getTags(scope.ws).map(encode) };
      case "ws.attach": { const l = scope.ws ? [scope.ws] : this.sockets(op); for (const w of l) w.serializeAttachment(decode(op.value)); return { ok: true }; }
      case "ws.attachment": return { value: encode(scope.ws.deserializeAttachment()) };
      case "ws.state": return { value: scope.ws.readyState };
      case "ws.auto.set": this.ctx.setWebSocketAutoResponse(op.request === undefined ? undefined : new WebSocketRequestResponsePair(decode(op.request), decode(op.response))); return { ok: true };
      case "ws.auto.get": { const p = this.ctx.getWebSocketAutoResponse(); return { value: p ? [encode(p.request), encode(p.response)] : null }; }
      case "ws.auto.stamp": return { stamped: this.sockets(op).map((w) => this.ctx.getWebSocketAutoResponseTimestamp(w) !== null) };
      case "ws.timeout.set": this.ctx.setHibernatableWebSocketEventTimeout(...(op.ms === undefined ? [] : [op.ms])); return { ok: true };
      case "ws.timeout.get": return { value: this.ctx.getHibernatableWebSocketEventTimeout() };
    }
    throw new Error("unknown op " + op.op);
  }
  close(w, op) {
    if (op.code === undefined && op.reason === undefined) w.close();
    else if (op.reason === undefined) w.close(op.code);
    else w.close(op.code, decode(op.reason));
  }

  // --- events
  async event(kind, entry, ops, scope) {
    list(H.log, this.full).push(entry);
    entry.results = []; entry.end = "running";
    try { await this.runAsync(ops ?? [], { ...scope, entry, results: entry.results }); entry.end = "return"; }
    catch (e) { entry.end = "throw"; throw e; }
  }
  async fetch(request) {
    const q = JSON.parse(decodeURIComponent(request.headers.get("x-oracle")));
    const [client, server] = Object.values(new WebSocketPair());
    if (q.tags === undefined) this.ctx.acceptWebSocket(server); else this.ctx.acceptWebSocket(server, decode(q.tags));
    if ("attach" in q) server.serializeAttachment(decode(q.attach));
    if (q.first !== undefined) server.send(decode(q.first));
    return new Response(null, { status: 101, webSocket: client });
  }
}
class WithWs extends Base {
  async webSocketMessage(ws, data) {
    const entry = { ev: "message", data: encode(data), instance: this.instance };
    let ops = H.prog[this.full]?.message;
    if (typeof data === "string" && data.startsWith("ops:")) { ops = JSON.parse(data.slice(4)); entry.data = "ops:"; }
    await this.event("message", entry, ops, { ws, data });
  }
  async webSocketClose(ws, code, reason, clean) {
    await this.event("close", { ev: "close", code, reason: code === 1006 ? "" : encode(reason), clean, instance: this.instance }, H.prog[this.full]?.close, { ws });
  }
  async webSocketError(ws, _error) { await this.event("error", { ev: "error", instance: this.instance }, H.prog[this.full]?.error, { ws }); }
}
class Full extends WithWs {
  async alarm(info) {
    const n = H.alarmRuns[this.full] = (H.alarmRuns[this.full] ?? 0) + 1;
    const entry = {
      ev: "alarm", scheduled: timeLabel(this.full, info.scheduledTime), retryCount: info.retryCount, isRetry: info.isRetry,
      early: now() < info.scheduledTime, name: this.ctx.id.name !== undefined, _at: now(),
    };
    await this.event("alarm", entry, H.prog[this.full]?.alarm?.[n - 1], {});
  }
}
export class Obj extends Full {}
export class ObjOther extends Full {}
export class ObjNoAlarm extends WithWs {}
export class ObjNoWs extends Base {}
export class IdsA extends Full {}
export class IdsB extends Full {}
export class IdsC extends Full {}

// ---------------------------------------------------------------- the caller side
const json = (v) => new Response(JSON.stringify(v), { headers: { "content-type": "application/json", "x-oracle": "1" } });
const space = (env, step) => env[step.ns ?? "main"];
function idOf(env, x) { const ns = env[x.ns ?? "main"]; return "id" in x ? ns.idFromString(decode(x.id)) : ns.idFromName(decode(x.name)); }
function stubFor(env, step) {
  const ns = space(env, step);
  if (step.addr === "id") {
    const id = ns.idFromString(ns.idFromName(step.full).toString());
    (H.names ??= {})[id.toString()] = step.full;
    return ns.get(id);
  }
  if (step.addr === "exact") return ns.get(ns.idFromName(decode(step.name)));
  return ns.getByName(step.full);
}
async function callerStep(env, step) {
  switch (step.op) {
    case "turn": return JSON.parse(await stubFor(env, step).turn(JSON.stringify(step.ops)));
    case "stub": {
      let stub = stubFor(env, step); const results = [];
      const one = async (c, st) => {
        try { return JSON.parse(await st.turn(JSON.stringify(c.ops))); } catch (e) { return classify(e); }
      };
      if (step.order === "pipelined") results.push(...await Promise.all(step.calls.map((c) => one(c, stub))));
      else for (const c of step.calls) { if (c.fresh) stub = stubFor(env, step); results.push(await one(c, stub)); }
      return { calls: results };
    }
    case "rpc": {
      const stub = stubFor(env, step), args = decode(step.args ?? []);
      return { value: encode(step.read ? await stub[step.method] : await stub[step.method](...args)) };
    }
    case "evict": { const names = stubFor(env, step); await unsafe.evict(names, { webSockets: "hibernate" }); return { ok: true }; }
    case "id.fromName": { const id = idOf(env, step); return { id: id.toString(), name: encode(id.name) }; }
    case "id.parse": { const id = idOf(env, step); return { id: id.toString(), name: id.name === undefined ? null : encode(id.name) }; }
    case "id.equal": return { value: idOf(env, step.a).equals(idOf(env, step.b)) };
    case "id.unique": {
      const ns = space(env, step), a = ns.newUniqueId(), b = ns.newUniqueId(), h = a.toString();
      return {
        hex64: /^[0-9a-f]{64}$/.test(h), named: a.name !== undefined, differ: !a.equals(b) && h !== b.toString(),
        reparse: ns.idFromString(h).equals(a), reparseUpper: ns.idFromString(h.toUpperCase()).equals(a),
      };
    }
    case "id.uniqueForeign": { const id = env[step.from].newUniqueId().toString(); return { id: idOf(env, { ns: step.ns, id }).toString().length }; }
    case "id.stub": {
      const stub = stubFor(env, step); return { id: stub.id.toString(), name: stub.name === undefined ? null : encode(stub.name) };
    }
    case "program": H.prog[step.full] = step.handlers; H.alarmRuns[step.full] = 0; return { ok: true };
    case "log": {
      const want = (e) => !step.only || step.only.includes(e.ev);
      const end = now() + (step.timeout ?? 0);
      let found;
      for (;;) {
        found = list(H.log, step.full).filter(want);
        const settled = found.every((e) => e.end !== "running");
        if ((found.length >= (step.count ?? 0) && settled) || now() >= end) break;
        await sleep(20);
      }
      return { events: found };
    }
  }
  throw new Error("unknown step " + step.op);
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/ping") return new Response("pong");
    if (path === "/carry") return json(H);
    if (path === "/ws") {
      const step = JSON.parse(decodeURIComponent(request.headers.get("x-oracle")));
      try { return await stubFor(env, step).fetch(request); } catch (e) { return json(classify(e)); }
    }
    try { return json(await callerStep(env, await request.json())); } catch (e) { return json(classify(e)); }
  },
};
