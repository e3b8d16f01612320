import { describe, expect, it } from "vitest";
import { backoffMs, frameParser } from "./stream";

describe("frames", () => {
  it("come whole, however the bytes were cut", () => {
    const text = 'id: 7\nevent: equity\ndata: {"seq":7}\n\n: beat\n\nevent: gap\ndata: {"from":1,\ndata: "to":3}\n\n';
    for (let cut = 0; cut <= text.length; cut += 1) {
      const parse = frameParser();
      const frames = [...parse(text.slice(0, cut)), ...parse(text.slice(cut))];
      expect(frames).toEqual([{ id: "7", event: "equity", data: '{"seq":7}' }, { id: null, event: "gap", data: '{"from":1,\n"to":3}' }]);
    }
  });
  it("read CRLF like LF", () => expect(frameParser()("data: a\r\n\r\n")).toHaveLength(1));
});
describe("back-off", () => {
  it("doubles up to eight seconds and never drops under half", () => {
    expect(backoffMs(0, 1)).toBe(250);
    expect(backoffMs(3, 0)).toBe(1_000);
    expect(backoffMs(30, 1)).toBe(8_000);
  });
});
