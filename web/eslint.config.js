import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

/* Layers, lowest first. A folder may import the ones before it and itself, never the ones after:
   lib < api < ui < components < forms | table | charts < pages < routes. `ui` also knows no api. */
const above = {
  lib: ["ui", "components", "forms", "table", "charts", "pages", "routes", "mock"],
  api: ["ui", "components", "forms", "table", "charts", "pages", "routes"],
  ui: ["api", "components", "forms", "table", "charts", "pages", "routes", "mock"],
  components: ["forms", "table", "charts", "pages", "routes", "mock"],
  forms: ["table", "charts", "pages", "routes", "mock"],
  table: ["forms", "charts", "pages", "routes", "mock"],
  charts: ["forms", "table", "pages", "routes", "mock"],
  pages: ["routes", "mock"],
};
const packages = {
  ui: ["@tanstack/*", "openapi-fetch"],
  lib: ["@tanstack/*", "openapi-fetch", "react-dom"],
};

const layerRules = Object.entries(above).map(([layer, forbidden]) => ({
  files: [`src/${layer}/**/*.{ts,tsx}`],
  rules: {
    "no-restricted-imports": [
      "error",
      {
        patterns: [
          {
            group: forbidden.flatMap((name) => [`~/${name}/*`, `**/${name}/*`]),
            message: `${layer} may not import from a higher layer.`,
          },
          ...(packages[layer] ? [{ group: packages[layer], message: `${layer} knows no router, query or table.` }] : []),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ["dist-mock/**", "node_modules/**", "src/api/openapi.d.ts", "public/**"] },
  ...tseslint.configs.recommended,
  reactHooks.configs.flat["recommended-latest"] ?? {},
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-console": "error",
      // These two speak only to the React Compiler, which this build does not use.
      "react-hooks/preserve-manual-memoization": "off",
      "react-hooks/incompatible-library": "off",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
    },
  },
  ...layerRules,
);
