// Objects with what a test wants to find again: POST /name/fill?kind=KIND, or /unique/fill for an
// object without a name. GET /name/count gives how many keys it has.
import { DurableObject } from "cloudflare:workers";

const shared = { a: 1 };
const buffer = new ArrayBuffer(8);
const far = [];
far[1000] = 1;

export const values = {
  null: null, true: true, false: false,
  int: 42, negative: -7, big: 3000000000, double: 1.5, nan: NaN, infinite: Infinity, negzero: -0, safe: Number.MAX_SAFE_INTEGER, huge: 1e300,
  ascii: "hello", latin: "café", wide: "日本 🎉", lone: "\ud800x", empty: "",
  date: new Date(1700000000123), bigint: -9007199254740993n, bigzero: 0n,
  boolobject: new Boolean(true), numberobject: new Number(3), stringobject: new String("boxed"), bigintobject: Object(5n),
  array: [1, "two", null, undefined, [3]], doubles: [1.5, 2.5], sparse: [1, , 3], far, holes: [1, ,], emptyarray: [],
  object: { a: 1, b: { c: [true] }, 7: "seven", "é": 1, "日": 2 }, emptyobject: {},
  map: new Map([["a", 1], [2, "b"], [{ x: 1 }, null]]), textmap: new Map([["a", 1], ["b", [2]]]), set: new Set([1, "a", { b: 2 }]),
  arraybuffer: new Uint8Array([1, 2, 3]).buffer, bytes: new Uint8Array([4, 5, 6]), clamped: new Uint8ClampedArray([7, 255]),
  int8: new Int8Array([-1, 1]), int16: new Int16Array(new Int16Array([1, 2, 3, 4]).buffer, 2, 2), uint16: new Uint16Array([65535]),
  int32: new Int32Array([-1]), uint32: new Uint32Array([4294967295]), int64: new BigInt64Array([-1n, 5n]), uint64: new BigUint64Array([18446744073709551615n]),
  float32: new Float32Array([1.5]), float64: new Float64Array([1.5, -2]), view: new DataView(new Uint8Array([9, 8, 7]).buffer, 1),
  shared: [shared, shared], views: { x: new Uint8Array(buffer), y: new Uint16Array(buffer) },
  "key é 日 🎉": "a key of several scripts", nested: { list: [{ deep: [{ er: "x".repeat(300) }] }] },
};

const bad = {
  circle: () => { const c = {}; c.me = c; return c; },
  error: () => new Error("boom"),
  regexp: () => /x/g,
  property: () => Object.assign([1, 2], { name: "x" }),
  largebigint: () => 2n ** 64n,
  invaliddate: () => new Date(NaN),
};

export class Thing extends DurableObject {
  async fetch(request) {
    const url = new URL(request.url), storage = this.ctx.storage, sql = storage.sql;
    if (url.pathname.endsWith("/count")) return new Response(String((await storage.list()).size));
    const kind = url.searchParams.get("kind");
    switch (kind) {
      case "values":
        for (const [key, value] of Object.entries(values)) await storage.put(key, value);
        break;
      case "tables":
        sql.exec("CREATE TABLE item(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, price REAL, photo BLOB)");
        sql.exec("INSERT INTO item(name, price, photo) VALUES (?, ?, ?), (?, ?, ?)", "a", 1.5, new Uint8Array([1]).buffer, "b", null, null);
        sql.exec("CREATE INDEX item_name ON item(name)");
        sql.exec("CREATE TABLE log(name)");
        sql.exec("CREATE TRIGGER item_log AFTER INSERT ON item BEGIN INSERT INTO log VALUES (new.name); END");
        sql.exec("CREATE VIEW named AS SELECT name FROM item");
        sql.exec("CREATE VIRTUAL TABLE doc USING fts5(body)");
        sql.exec("INSERT INTO doc VALUES ('the quick brown fox'), ('lazy dog')");
        await storage.put("also", "a key");
        break;
      case "alarm":
        await storage.put("x", 1);
        await storage.setAlarm(Number(url.searchParams.get("at")));
        break;
      case "onlyalarm":
        await storage.setAlarm(Number(url.searchParams.get("at")));
        break;
      case "emptied":
        await storage.put("x", 1);
        await storage.setAlarm(Date.now() + 3600_000);
        await storage.sync();
        await storage.deleteAlarm();
        await storage.deleteAll();
        break;
      case "many":
        for (let i = 0; i < 200; i++) await storage.put("k" + i, { n: i });
        break;
      case "version":
        sql.exec("PRAGMA user_version = 5");
        break;
      default:
        await storage.put("fine", 1);
        await storage.put(kind, bad[kind]());
    }
    await storage.sync();
    return new Response(this.ctx.id.toString());
  }
  async alarm() {}
}

export default {
  fetch(request, env) {
    const name = decodeURIComponent(new URL(request.url).pathname.split("/")[1]);
    const id = name === "unique" ? env.THING.newUniqueId() : env.THING.idFromName(name);
    return env.THING.get(id).fetch(request);
  },
};
