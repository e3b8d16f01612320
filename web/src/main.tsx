import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { ApiError, transport } from "~/api/http";
import { startPrefs } from "~/lib/prefs";
import { makeRouter } from "~/routes/router";
import "~/styles/app.css";

async function start() {
  if (import.meta.env.MODE === "mock") {
    const mock = await import("~/mock/server");
    transport.fetch = mock.mockFetch;
    mock.startMock();
  }
  startPrefs();
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        refetchOnWindowFocus: false,
        // A refusal will be the same again; only an unreachable or failing server is worth a second try.
        retry: (count, error) => !(error instanceof ApiError && error.status < 500) && count < 2,
      },
    },
  });
  const root = document.getElementById("root");
  if (!root) throw new Error("The page has no #root.");
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={makeRouter()} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
void start();
