// The page's side of the worker: requests as promises, and what the worker tells on its own.

export class WorkerClient {
  /**
   * @param {{progress: Function, loaded: Function, failed: Function}} handlers Called with the messages of loading.
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.waiting = new Map();
    this.last = 0;
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.receive(data);
    this.worker.onerror = (event) => this.fail(event.message || "the worker cannot be started");
  }

  /** Decode a file as one side of the pair. */
  open(side, file) {
    return this.ask({ kind: "open", side, file });
  }

  /** Score the pair of the last opened files. */
  score() {
    return this.ask({ kind: "score" });
  }

  ask(request) {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...request });
    });
  }

  fail(problem) {
    this.handlers.failed({ problem });
    for (const { reject } of this.waiting.values()) reject(new Error(problem));
    this.waiting.clear();
  }

  receive(message) {
    if (message.id === undefined) {
      this.handlers[message.kind](message);
      return;
    }
    const { resolve, reject } = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.problem === undefined) resolve(message.result);
    else reject(Object.assign(new Error(message.problem), { isForVisitor: message.isForVisitor }));
  }
}
