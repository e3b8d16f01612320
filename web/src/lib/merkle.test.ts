import { describe, expect, it } from "vitest";
import { included, leafHash } from "./merkle";

// Of certificate-transparency's reference data: eight leaves, the sixth is 40414243 ("@ABC").
const root = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328";
const path = [
  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
];

describe("a record's place in the tree", () => {
  it("is shown by its path and by no other", async () => {
    const leaf = await leafHash("@ABC");
    expect(await included(leaf, 5, 8, path, root)).toBe(true);
    expect(await included(leaf, 4, 8, path, root)).toBe(false);
    expect(await included(leaf, 5, 6, path, root)).toBe(false);
    expect(await included(leaf, 5, 8, path.slice(1), root)).toBe(false);
    expect(await included(leaf, 5, 8, [...path, root], root)).toBe(false);
    expect(await included(await leafHash("@ABD"), 5, 8, path, root)).toBe(false);
    expect(await included(leaf, 8, 8, path, root)).toBe(false);
  });
  it("is the root itself where the record is alone", async () => {
    const leaf = await leafHash("");
    expect(await included(leaf, 0, 1, [], leaf)).toBe(true);
  });
});
