// The search runs in a Worker, which browsers refuse to a page that is opened from a folder. There a hidden frame stands in
// for it: the same messages, in the page's own thread. (The theme looks for the name IFrameWorker, and would fetch such a
// script from another server if the site brought none.)
if (location.protocol === "file:") {
  self.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      this.inside = frame.contentWindow;
      this.inside.postMessage = data => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        if (typeof this.onmessage === "function") this.onmessage(event);
      };
      const load = address => new Promise((done, failed) => {
        const script = this.inside.document.createElement("script");
        script.src = new URL(address, location.href).href;
        script.onload = done;
        script.onerror = failed;
        this.inside.document.body.appendChild(script);
      });
      this.inside.importScripts = (...addresses) =>
        addresses.reduce((before, address) => before.then(() => load(address)), Promise.resolve());
      this.loaded = load(url);
    }
    postMessage(data) {
      this.loaded.then(() => {
        const event = new MessageEvent("message", { data });
        this.inside.dispatchEvent(event);
        if (typeof this.inside.onmessage === "function") this.inside.onmessage(event);
      });
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
  self.Worker = self.IFrameWorker;
}
