# The reference with the objects of worker.mjs. The folder of its data is given on the command line.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .shop),
    (name = "disk", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const shop :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-11-01",
  durableObjectNamespaces = [(className = "Thing", uniqueKey = "shop-Thing", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "THING", durableObjectNamespace = "Thing")],
);
