/* A QR code, drawn here: what it holds is a secret and goes to no service. */
import { encode } from "uqr";

/** One square per dark module, as a path on a grid of `size`. */
export function drawn(text: string): { size: number; path: string } {
  const { size, data } = encode(text, { ecc: "M", border: 3 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return { size, path };
}

/** Black on white in both themes: cameras read nothing else as surely. */
export function Qr({ text, label }: { text: string; label: string }) {
  const { size, path } = drawn(text);
  return (
    <svg viewBox={`0 0 ${size} ${size}`} width={184} height={184} role="img" aria-label={label} shapeRendering="crispEdges" className="flex-none rounded-md">
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#000000" />
    </svg>
  );
}
