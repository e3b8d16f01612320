import { useNavigate, useSearch } from "@tanstack/react-router";
import { TabPanel, Tabs } from "~/ui/Tabs";
import { Account } from "./settings/Account";
import { People } from "./settings/People";
import { AllSessions } from "./settings/Sessions";
import { Tokens } from "./settings/Tokens";

type Tab = "account" | "people" | "tokens" | "sessions";
const tabs: { value: Tab; label: string }[] = [{ value: "account", label: "My account" }, { value: "people", label: "People" }, { value: "tokens", label: "Tokens" }, { value: "sessions", label: "Sessions" }];
const views = { account: Account, people: People, tokens: Tokens, sessions: AllSessions } satisfies Record<Tab, () => React.ReactNode>;

export function Settings() {
  const { tab } = useSearch({ from: "/shell/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const current = tabs.some((each) => each.value === tab) ? (tab as Tab) : "account";
  const View = views[current];
  return (
    <div className="page">
      <h1 className="text-15 font-semibold">Settings</h1>
      <section className="min-w-0">
        <Tabs<Tab> label="Settings" value={current} items={tabs} onChange={(value) => void navigate({ search: { tab: value === "account" ? undefined : value }, replace: true })} />
        <TabPanel value={current}><View /></TabPanel>
      </section>
    </div>
  );
}
