import { address } from "~/api/http";
import { Button } from "~/ui/Button";
import { Icon } from "~/ui/Icon";
import { Menu } from "~/ui/Menu";

/** The API makes the file; the session cookie of this page is the key to it. */
export function Downloads({ path, query, name }: { path: string; query?: Record<string, string | undefined>; name: string }) {
  const get = (format: "csv" | "parquet") => {
    const link = document.createElement("a");
    link.href = address(path, { ...query, format });
    link.download = `${name}.${format}`;
    link.click();
  };
  return (
    <Menu
      trigger={<Button small aria-label={`Download ${name}`}><Icon name="download" size={12} />Download</Button>}
      entries={[{ label: "CSV", detail: "for spreadsheets", onSelect: () => get("csv") }, { label: "Parquet", detail: "typed columns", onSelect: () => get("parquet") }]}
    />
  );
}
