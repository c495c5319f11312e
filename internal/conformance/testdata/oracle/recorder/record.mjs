// Runs scenario files against the reference (workerd) and writes (or checks) trace files. See ../README.md.
//   node record.mjs [--check] [--only TEXT] [--root DIR] [SCENARIO.json …]      default: every file under ../scenarios/
// The workerd binary is taken from $WORKERD, or from an npm package "workerd" installed in the current directory.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

function findBinary() {
  if (process.env.WORKERD) return process.env.WORKERD;
  const require = createRequire(pathToFileURL(path.join(process.cwd(), "x.js")));
  const m = require("workerd");
  return m.default ?? m;
}

// ---------------------------------------------------------------- one workerd process on one data directory
class Server {
  constructor(bin) { this.bin = bin; this.dir = fs.mkdtempSync(path.join(os.tmpdir(), "oracle-")); this.carry = ""; }
  async start() {
    this.port = await new Promise((ok) => { const s = net.createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => ok(port)); }); });
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
    this.stderr = "";
    this.proc = spawn(this.bin, ["serve", path.join(here, "config.capnp"), "--experimental",
      `--socket-addr=http=127.0.0.1:${this.port}`, `--directory-path=disk=${this.dir}`],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ORACLE_CARRY: this.carry } });
    this.proc.stderr.on("data", (d) => { this.stderr = (this.stderr + d).slice(-20000); if (process.env.ORACLE_VERBOSE) process.stderr.write(d); });
    this.exited = new Promise((r) => this.proc.once("exit", r));
    for (let i = 0; i < 400; i++) {
      if (this.proc.exitCode !== null) throw new Error("workerd ended at once: " + this.stderr);
      try { if (await this.request("GET", "/ping") === "pong") return; } catch { await sleep(15); }
    }
    throw new Error("workerd did not answer: " + this.stderr);
  }
  request(method, url, body) {
    return new Promise((ok, bad) => {
      const req = http.request({ host: "127.0.0.1", port: this.port, path: url, method, agent: this.agent,
        headers: body ? { "content-type": "application/json" } : {} }, (res) => {
        const parts = []; res.on("data", (d) => parts.push(d)); res.on("error", bad);
        res.on("end", () => ok(Buffer.concat(parts).toString("utf8")));
      });
      req.on("error", bad); req.end(body);
    });
  }
  async step(step) {
    let text;
    try { text = await this.request("POST", "/", JSON.stringify(step)); } catch { return { error: "disconnected" }; }
    try { return JSON.parse(text); } catch { return { error: "UNCLASSIFIED", text: text.slice(0, 200) + this.stderr.slice(-500) }; }
  }
  async stop(how) {
    if (this.proc.exitCode !== null || this.proc.signalCode !== null) return;
    this.agent.destroy();
    if (how === "kill") this.proc.kill("SIGKILL");
    else {
      this.proc.kill("SIGTERM");
      const t = setTimeout(() => this.proc.kill("SIGKILL"), 8000);
      await this.exited; clearTimeout(t);
    }
    await this.exited;
  }
  async restart(how, down) {
    this.carry = await this.request("GET", "/carry");
    await this.stop(how); if (down) await sleep(down); await this.start();
  }
  async end() { await this.stop("kill"); fs.rmSync(this.dir, { recursive: true, force: true }); }
}

// ---------------------------------------------------------------- a small WebSocket client (exact control of frames)
class Client {
  constructor() { this.inbox = []; this.closed = null; this.buffer = Buffer.alloc(0); this.waiters = []; this.parts = []; }
  open(server, step) {
    return new Promise((ok) => {
      const key = randomBytes(16).toString("base64");
      const req = http.request({ host: "127.0.0.1", port: server.port, path: "/ws", agent: false, headers: {
        connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": key,
        "x-oracle": encodeURIComponent(JSON.stringify(step)) } });
      req.on("upgrade", (res, socket, head) => {
        const want = createHash("sha1").update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
        if (res.headers["sec-websocket-accept"] !== want) return ok({ error: "UNCLASSIFIED", text: "handshake" });
        this.socket = socket; socket.setNoDelay(true);
        socket.on("data", (d) => this.data(d)); socket.on("error", () => {});
        socket.on("end", () => { this.gone(); socket.destroy(); }); socket.on("close", () => this.gone());
        if (head.length) this.data(head);
        ok({ ok: true });
      });
      req.on("response", (res) => { const p = []; res.on("data", (d) => p.push(d)); res.on("end", () => {
        try { ok(JSON.parse(Buffer.concat(p).toString())); } catch { ok({ error: "UNCLASSIFIED", text: Buffer.concat(p).toString().slice(0, 200) }); } }); });
      req.on("error", () => ok({ error: "disconnected" }));
      req.end();
    });
  }
  gone() { this.closed ??= { code: 1006, reason: "" }; this.wake(); }
  wake() { for (const w of this.waiters.splice(0)) w(); }
  data(d) {
    this.buffer = Buffer.concat([this.buffer, d]);
    for (;;) {
      const b = this.buffer; if (b.length < 2) return;
      let len = b[1] & 127, at = 2;
      if (len === 126) { if (b.length < 4) return; len = b.readUInt16BE(2); at = 4; }
      else if (len === 127) { if (b.length < 10) return; len = Number(b.readBigUInt64BE(2)); at = 10; }
      if (b.length < at + len) return;
      const body = b.subarray(at, at + len), op = b[0] & 15, fin = b[0] & 128;
      this.buffer = b.subarray(at + len);
      if (op === 8) { this.closed ??= body.length < 2 ? { code: 1005, reason: "" } : { code: body.readUInt16BE(0), reason: body.subarray(2).toString() }; this.wake(); }
      else if (op === 9) this.frame(10, body);
      else if (op === 10) { this.inbox.push({ pong: body.toString() }); this.wake(); }
      else {
        if (op) { this.kind = op; this.parts = []; }
        this.parts.push(Buffer.from(body));
        if (fin) { const all = Buffer.concat(this.parts); this.inbox.push(this.kind === 1 ? { text: short(all) } : { bytes: short(all, true) }); this.wake(); }
      }
    }
  }
  frame(op, body) {
    const mask = randomBytes(4), n = body.length;
    const head = n < 126 ? Buffer.from([128 | op, 128 | n]) : n < 65536 ? Buffer.from([128 | op, 254, n >> 8, n & 255]) : Buffer.alloc(10);
    if (n >= 65536) { head[0] = 128 | op; head[1] = 255; head.writeBigUInt64BE(BigInt(n), 2); }
    const out = Buffer.from(body); for (let i = 0; i < n; i++) out[i] ^= mask[i & 3];
    this.socket.write(Buffer.concat([head, mask, out]));
  }
  async until(test, ms) {
    const end = Date.now() + ms;
    while (!test() && Date.now() < end) await new Promise((r) => { const t = setTimeout(r, end - Date.now()); this.waiters.push(() => { clearTimeout(t); r(); }); });
  }
}
function fnv1a(u8) { let h = 0x811c9dc5; for (const b of u8) { h ^= b; h = Math.imul(h, 0x01000193) >>> 0; } return h.toString(16).padStart(8, "0"); }
function short(buf, bytes) {
  if (buf.length <= 600) return bytes ? buf.toString("base64") : buf.toString("utf8");
  return { $long: bytes ? "bytes" : "text", len: buf.length, fnv1a32: fnv1a(buf) };
}
function text(v) {
  if (typeof v === "string") return v;
  if (v.$repeat) return v.$repeat[0].repeat(v.$repeat[1]);
  return v.$concat.map(text).join("");
}

// ---------------------------------------------------------------- running a case
function tidy(result) {
  if (!result?.events) return result;
  let before;
  for (const e of result.events) {
    if (e.ev !== "alarm") continue;
    if (e.retryCount > 0 && before !== undefined) {
      const low = 2000 * 2 ** (e.retryCount - 1), d = e._at - before;
      e.retryDelay = d >= low - 20 && d <= low * 1.25 + 1500 ? "ok" : "out of range";
    }
    before = e._at; delete e._at;
  }
  return result;
}
async function runStep(cx, raw) {
  const { server, clients } = cx;
  const step = { ...raw };
  if (step.on !== undefined) step.full = `${cx.topic}/${cx.name}/${step.on}`;
  if (step.calls) step.calls = step.calls.map((c) => c);
  switch (step.op) {
    case "wait": await sleep(step.ms); return { ok: true };
    case "restart": await server.restart(step.how, step.down); return { ok: true };
    case "parallel": return { results: await Promise.all(step.steps.map(async (s, i) => { await sleep(i * (step.gap ?? 0)); return runStep(cx, s); })) };
    case "start": cx.pending[step.as] = runStep(cx, step.step); await sleep(step.lead ?? 50); return { ok: true };
    case "await": return await cx.pending[step.as];
    case "ws.open": { const c = clients[step.conn] = new Client(); return c.open(server, step); }
    case "ws.say": { const c = clients[step.conn]; if ("bytes" in step) c.frame(2, Buffer.from(step.bytes, "base64")); else c.frame(1, Buffer.from("ops" in step ? "ops:" + JSON.stringify(step.ops) : text(step.text))); return { ok: true }; }
    case "ws.ping": clients[step.conn].frame(9, Buffer.from(step.text ?? "")); return { ok: true };
    case "ws.recv": {
      const c = clients[step.conn], n = step.count ?? 1;
      await c.until(() => c.inbox.length >= n || c.closed, step.timeout ?? 4000);
      return { messages: c.inbox.splice(0, n) };
    }
    case "ws.hangup": {
      const c = clients[step.conn], b = step.code === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([step.code >> 8, step.code & 255]), Buffer.from(step.reason ?? "")]);
      c.frame(8, b); return { ok: true };
    }
    case "ws.drop": clients[step.conn].socket.destroy(); return { ok: true };
    case "ws.closed": {
      const c = clients[step.conn]; await c.until(() => c.closed, step.timeout ?? 4000);
      return c.closed ?? { open: true };
    }
  }
  return tidy(await server.step(step));
}
const isolated = (c) => /"op":"restart"/.test(JSON.stringify(c));

async function runCase(server, topic, c) {
  const cx = { server, topic, name: c.name, clients: {}, pending: {} };
  const results = [];
  for (const s of c.steps) results.push(await runStep(cx, s));
  for (const cl of Object.values(cx.clients)) cl.socket?.destroy();
  return { name: c.name, results };
}
async function runFile(bin, file) {
  const scenario = JSON.parse(fs.readFileSync(file, "utf8"));
  const out = new Array(scenario.cases.length);
  const names = new Set(scenario.cases.map((c) => c.name));
  if (names.size !== out.length) throw new Error("case names are not unique in " + file);
  const shared = scenario.cases.some((c) => !isolated(c)) ? new Server(bin) : null;
  if (shared) await shared.start();
  let next = 0;
  const lane = async () => {
    for (;;) {
      const i = next++; if (i >= out.length) return;
      const c = scenario.cases[i];
      if (!isolated(c)) { out[i] = await runCase(shared, scenario.topic, c); continue; }
      const own = new Server(bin);
      try { await own.start(); out[i] = await runCase(own, scenario.topic, c); } finally { await own.end(); }
    }
  };
  try { await Promise.all(Array.from({ length: scenario.concurrency ?? 4 }, lane)); } finally { if (shared) await shared.end(); }
  return { topic: scenario.topic, cases: out };
}
// One case per line keeps the files small and diffs readable.
export function format(doc) {
  const { cases, ...head } = doc;
  const h = JSON.stringify(head).slice(0, -1);
  return `${h}${h === "{" ? "" : ","}"cases":[\n${cases.map((c) => JSON.stringify(c)).join(",\n")}\n]}\n`;
}

if (process.argv[1] && fileURLToPath(import.meta.url) === path.resolve(process.argv[1])) {
  const args = process.argv.slice(2); let check = false, only = "", root = path.dirname(here); const files = [];
  while (args.length) {
    const a = args.shift();
    if (a === "--check") check = true; else if (a === "--only") only = args.shift(); else if (a === "--root") root = path.resolve(args.shift()); else files.push(path.resolve(a));
  }
  const dir = path.join(root, "scenarios");
  if (!files.length) for (const f of fs.readdirSync(dir, { recursive: true }).sort()) if (f.endsWith(".json") && f.includes(only)) files.push(path.join(dir, f));
  const bin = findBinary(); let bad = 0;
  for (const file of files) {
    const t0 = Date.now(), trace = await runFile(bin, file), text = format(trace);
    const rel = path.relative(dir, file);
    const target = rel.startsWith("..") ? file.replace(/\.json$/, ".trace.json") : path.join(root, "traces", rel);
    const unclassified = (text.match(/UNCLASSIFIED|out of range|\$other/g) ?? []).length; if (unclassified) bad++;
    let note = unclassified ? `  ${unclassified} UNCLASSIFIED` : "";
    if (check) {
      const before = JSON.parse(fs.readFileSync(target, "utf8"));
      for (let i = 0; i < trace.cases.length; i++) for (let k = 0; k < trace.cases[i].results.length; k++) {
        const a = JSON.stringify(before.cases[i]?.results[k]), b = JSON.stringify(trace.cases[i].results[k]);
        if (a !== b) { bad++; note += `\n  DIFF ${trace.cases[i].name} step ${k}:\n    was ${a?.slice(0, 600)}\n    now ${b.slice(0, 600)}`; }
      }
    } else { fs.mkdirSync(path.dirname(target), { recursive: true }); fs.writeFileSync(target, text); }
    console.log(`${rel}: ${trace.cases.length} cases, ${((Date.now() - t0) / 1000).toFixed(1)} s${note}`);
  }
  process.exit(bad ? 1 : 0);
}
