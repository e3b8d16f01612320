/* One realtime connection. Parses server-sent events itself so that it can see the status of the
   answer, choose the back-off, and resume from the last sequence it really applied. */
import { transport, API } from "./http";
import type { LiveEvent } from "./types";

export interface Frame { id: string | null; event: string; data: string }

/** Incremental parser of text/event-stream: feed it chunks, get whole frames. */
export function frameParser(): (chunk: string) => Frame[] {
  let rest = "";
  return (chunk) => {
    rest += chunk.replaceAll("\r\n", "\n");
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => {
      const frame: Frame = { id: null, event: "message", data: "" };
      let seen = false;
      for (const line of block.split("\n")) {
        if (line === "" || line.startsWith(":")) continue;
        const cut = line.indexOf(":");
        const field = cut < 0 ? line : line.slice(0, cut);
        const value = cut < 0 ? "" : line.slice(cut + 1).replace(/^ /u, "");
        if (field === "id") frame.id = value;
        else if (field === "event") frame.event = value;
        else if (field === "data") {
          frame.data += (seen ? "\n" : "") + value;
          seen = true;
        }
      }
      return seen ? [frame] : [];
    });
  };
}

/** Waiting time before attempt n (0-based): 250 ms doubling to 8 s, with jitter from `random` 0..1. */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(8_000, 250 * 2 ** attempt);
  return Math.round(ceiling * (0.5 + random / 2));
}

export interface StreamHandlers {
  onOpen(): void;
  onEvents(events: LiveEvent[]): void;
  onGap(gap: { from: number; to: number }): void;
  onDown(why: string): void;
  /** Lossy figures between facts; only worth a fresh snapshot. */
  onTelemetry?(): void;
  onUnauthorised(): void;
}

export interface StreamOptions {
  path?: string;
  /** Lines of a log are no facts: they bear no sequence and are not resumed. */
  loose?: boolean;
}
/** Frames quieter than this mean a dead socket: the server sends a comment every few seconds. */
const SILENCE_MS = 20_000;

export function openStream(from: number, handlers: StreamHandlers, { path = "/events", loose = false }: StreamOptions = {}): () => void {
  let last = from;
  let stopped = false;
  let attempt = 0;
  let abort = new AbortController();

  const run = async () => {
    while (!stopped) {
      abort = new AbortController();
      let watchdog: ReturnType<typeof setTimeout> | undefined;
      const feedWatchdog = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
      };
      try {
        feedWatchdog();
        const response = await transport.fetch(API + path, {
          headers: { Accept: "text/event-stream", ...(last > 0 ? { "Last-Event-ID": String(last) } : {}) },
          credentials: "same-origin", cache: "no-store", signal: abort.signal,
        });
        if (response.status === 401) return handlers.onUnauthorised();
        if (!response.ok || !response.body) throw new Error(`The stream answered ${response.status}.`);
        handlers.onOpen();
        attempt = 0;
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        const parse = frameParser();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          feedWatchdog();
          const events: LiveEvent[] = [];
          for (const frame of parse(value)) {
            const data = JSON.parse(frame.data) as LiveEvent & { from: number; to: number };
            if (loose) {
              if (frame.event !== "hello" && frame.event !== "closed") events.push(data);
            }
            else if (frame.event === "gap") {
              handlers.onGap({ from: data.from, to: data.to });
              last = Math.max(last, data.to);
            } else if (frame.event === "telemetry") handlers.onTelemetry?.();
            else if (typeof data.seq !== "number") {
              // Frames without a sequence are not facts (for example a greeting).
            } else if (data.seq > last) {
              events.push(data);
              last = data.seq;
            }
          }
          if (events.length) handlers.onEvents(events);
        }
        handlers.onDown("The stream ended.");
      } catch (error) {
        if (stopped) return;
        handlers.onDown(error instanceof Error ? error.message : "The stream broke.");
      } finally {
        clearTimeout(watchdog);
      }
      if (stopped) return;
      await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt, Math.random())));
      attempt += 1;
    }
  };
  void run();
  return () => {
    stopped = true;
    abort.abort();
  };
}
