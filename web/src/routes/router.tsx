import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, Outlet, type ErrorComponentProps } from "@tanstack/react-router";
import { Shell } from "~/components/Shell";
import { TipProvider } from "~/ui/Tip";
import { Empty, Failure, SkeletonRows } from "~/ui/Bits";

/** Search parameters of a page: texts and flags, each optional; anything else in the address is ignored. */
const search = <T extends string, F extends string = never>(texts: T[], flags: F[] = []) => (raw: Record<string, unknown>) => {
  const found: Record<string, string | true> = {};
  for (const name of texts) {
    const value = raw[name];
    if (typeof value === "string" && value !== "") found[name] = value;
    else if (typeof value === "number") found[name] = String(value);
  }
  for (const name of flags) if (raw[name] === true || raw[name] === "true" || raw[name] === 1) found[name] = true;
  return found as Partial<Record<T, string> & Record<F, boolean>>;
};

// Named outside the routes: inside, inference from the route would lose the flags.
const tradersSearch = search(["q"], ["deploy"]);
const backtestsSearch = search(["id"], ["start"]);

const Missing = () => <div className="page"><Empty title="No such page" action={<Link to="/" className="btn">Command Center</Link>}>The address leads nowhere. ⌘ K finds every page and every act.</Empty></div>;
const Broken = ({ error, reset }: ErrorComponentProps) => <div className="page"><Failure title="This page broke" detail={error instanceof Error ? error.message : String(error)} hint="The deck itself is not affected. The rest of the cockpit and Kill still work." onRetry={reset} /></div>;
const Waiting = () => <div className="page"><SkeletonRows rows={8} /></div>;

const Root = () => <TipProvider><Outlet /></TipProvider>;
const root = createRootRoute({ component: Root, notFoundComponent: Missing });
const signIn = createRoute({ getParentRoute: () => root, path: "/sign-in", component: lazyRouteComponent(() => import("~/pages/SignIn"), "SignIn"), validateSearch: search(["next"]) });
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell, notFoundComponent: Missing });

const home = createRoute({ getParentRoute: () => shell, path: "/", component: lazyRouteComponent(() => import("~/pages/CommandCenter"), "CommandCenter"), validateSearch: search(["account"]) });
const traders = createRoute({ getParentRoute: () => shell, path: "/traders", component: lazyRouteComponent(() => import("~/pages/Traders"), "Traders"), validateSearch: tradersSearch });
const trader = createRoute({ getParentRoute: () => shell, path: "/traders/$id", component: lazyRouteComponent(() => import("~/pages/Trader"), "Trader"), validateSearch: search(["tab", "at", "strategy"]) });
const orders = createRoute({ getParentRoute: () => shell, path: "/orders", component: lazyRouteComponent(() => import("~/pages/Orders"), "Orders"), validateSearch: search(["tab", "order", "status", "trader", "q"]) });
const config = createRoute({ getParentRoute: () => shell, path: "/config", component: lazyRouteComponent(() => import("~/pages/Configuration"), "Configuration"), validateSearch: search(["tab", "generation", "at"]) });
const operations = createRoute({ getParentRoute: () => shell, path: "/operations", component: lazyRouteComponent(() => import("~/pages/Operations"), "Operations"), validateSearch: search(["tab", "q", "level", "process"]) });
const backtests = createRoute({ getParentRoute: () => shell, path: "/backtests", component: lazyRouteComponent(() => import("~/pages/Backtests"), "Backtests"), validateSearch: backtestsSearch });
const emergency = createRoute({ getParentRoute: () => shell, path: "/emergency", component: lazyRouteComponent(() => import("~/pages/Emergency"), "Emergency"), validateSearch: search(["scope", "kill"]) });
const risk = createRoute({ getParentRoute: () => shell, path: "/risk", component: lazyRouteComponent(() => import("~/pages/Risk"), "Risk"), validateSearch: search(["account", "of"]) });
const audit = createRoute({ getParentRoute: () => shell, path: "/audit", component: lazyRouteComponent(() => import("~/pages/Audit"), "Audit"), validateSearch: search(["q", "act", "outcome"]) });
const settings = createRoute({ getParentRoute: () => shell, path: "/settings", component: lazyRouteComponent(() => import("~/pages/Settings"), "Settings"), validateSearch: search(["tab"]) });
const approvals = createRoute({ getParentRoute: () => shell, path: "/approvals", component: lazyRouteComponent(() => import("~/pages/Approvals"), "Approvals"), validateSearch: search(["id"]) });

const tree = root.addChildren([signIn, shell.addChildren([home, traders, trader, orders, config, operations, backtests, emergency, risk, audit, approvals, settings])]);
export const makeRouter = () =>
  createRouter({ routeTree: tree, defaultPreload: "intent", defaultErrorComponent: Broken, defaultPendingComponent: Waiting, defaultPendingMs: 150, scrollRestoration: false });

declare module "@tanstack/react-router" {
  interface Register { router: ReturnType<typeof makeRouter> }
}
