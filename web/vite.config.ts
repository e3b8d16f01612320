import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vitest/config";

const { version } = JSON.parse(readFileSync(new URL("./package.json", import.meta.url), "utf8"));

/* The server's CSP is `script-src 'self'; style-src 'self'`: nothing may be inlined, so
   assets are never turned into data: addresses and no legacy or inline module script is made. */
export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "~": fileURLToPath(new URL("./src", import.meta.url)) } },
  define: { __BUILD__: JSON.stringify(version) },
  build: {
    outDir: mode === "mock" ? "dist-mock" : "../src/tradedeck/api/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2022",
    sourcemap: false,
    chunkSizeWarningLimit: 700,
  },
  // The preview carries the server's policy, so that a look at the mock is also a test of the CSP.
  preview: {
    host: "127.0.0.1",
    headers: {
      "Content-Security-Policy":
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    },
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy:
      mode === "proxy" ? { "/api": process.env.TRADEDECK_API ?? "http://127.0.0.1:8787" } : undefined,
  },
  test: { environment: "node", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
}));
