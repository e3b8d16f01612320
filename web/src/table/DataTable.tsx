/* The one table: sorting, selection, j/k/Enter/x, columns that leave on a phone. Markup is ours,
   models are TanStack Table's. */
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { createSortedRowModel, rowSelectionFeature, rowSortingFeature, sortFn_basic, tableFeatures, useTable, type ColumnDef, type RowSelectionState, type SortingState } from "@tanstack/react-table";
import { isTyping } from "~/components/shortcuts";
import { cx } from "~/lib/cx";

const features = tableFeatures({ rowSortingFeature, rowSelectionFeature, sortedRowModel: createSortedRowModel(), sortFns: { basic: sortFn_basic } });

export interface Column<T> {
  id: string;
  header: ReactNode;
  cell: (row: T) => ReactNode;
  /** What to sort by; without it the column does not sort. */
  sort?: (row: T) => string | number | null;
  left?: boolean;
  hidePhone?: boolean;
  wrap?: boolean;
  title?: string;
}
export interface DataTableProps<T> {
  rows: T[];
  columns: Column<T>[];
  rowId: (row: T) => string;
  label: string;
  onOpen?: (row: T) => void;
  activeId?: string | null;
  selected?: string[];
  onSelect?: (ids: string[]) => void;
  stale?: (row: T) => boolean;
  empty: ReactNode;
  initialSort?: { id: string; desc: boolean };
}

export function DataTable<T extends object>({ rows, columns, rowId, label, onOpen, activeId, selected, onSelect, stale, empty, initialSort }: DataTableProps<T>) {
  const [sorting, setSorting] = useState<SortingState>(initialSort ? [initialSort] : []);
  const [cursor, setCursor] = useState<string | null>(null);
  const body = useRef<HTMLTableSectionElement>(null);
  const selection = useMemo<RowSelectionState>(() => Object.fromEntries((selected ?? []).map((id) => [id, true])) as RowSelectionState, [selected]);
  const definitions = useMemo<ColumnDef<typeof features, T>[]>(
    () => columns.map((column) => ({ id: column.id, accessorFn: (row: T) => column.sort?.(row) ?? undefined, sortFn: "basic", sortUndefined: "last", enableSorting: Boolean(column.sort) })),
    [columns],
  );
  const table = useTable({
    features, data: rows, columns: definitions, getRowId: rowId,
    state: { sorting, rowSelection: selection },
    onSortingChange: (change) => setSorting((now) => (typeof change === "function" ? change(now) : change)),
    onRowSelectionChange: (change) => {
      const next = typeof change === "function" ? change(selection) : change;
      onSelect?.(Object.entries(next as Record<string, boolean>).filter(([, on]) => on).map(([id]) => id));
    },
  });
  const shown = table.getRowModel().rows;
  const ids = shown.map((row) => row.id);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
      const at = cursor ? ids.indexOf(cursor) : -1;
      const step = event.key === "j" ? 1 : event.key === "k" && !event.shiftKey ? -1 : 0;
      if (step) {
        const next = ids[Math.max(0, Math.min(ids.length - 1, at + step))];
        if (!next) return;
        event.preventDefault();
        setCursor(next);
        body.current?.querySelector(`[data-row="${CSS.escape(next)}"]`)?.scrollIntoView({ block: "nearest" });
      }
      const row = shown[at];
      if (!row) return;
      if (event.key === "Enter" && onOpen && (event.target === document.body || (event.target as HTMLElement).closest("#work") === event.target)) onOpen(row.original);
      if (event.key === "x" && onSelect) onSelect((selected ?? []).includes(row.id) ? (selected ?? []).filter((id) => id !== row.id) : [...(selected ?? []), row.id]);
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  });

  if (rows.length === 0) return <>{empty}</>;
  const all = (selected ?? []).length === rows.length;
  return (
    <div className="table-wrap" role="region" aria-label={label} tabIndex={0}>
      <table className="tbl">
        <thead>
          <tr>
            {onSelect && <th className="l w-6"><input type="checkbox" aria-label="Select all" checked={all} ref={(element) => { if (element) element.indeterminate = !all && (selected ?? []).length > 0; }} onChange={() => onSelect(all ? [] : rows.map(rowId))} /></th>}
            {columns.map((column) => {
              const model = table.getColumn(column.id);
              const sorted = model?.getIsSorted() || false;
              return (
                <th key={column.id} className={cx(column.left && "l", column.hidePhone && "hide-phone")} title={column.title} aria-sort={sorted === "asc" ? "ascending" : sorted === "desc" ? "descending" : undefined}>
                  {column.sort ? <button type="button" onClick={() => model?.toggleSorting()}>{column.header}{sorted && <span aria-hidden="true" className="text-faint">{sorted === "asc" ? "↑" : "↓"}</span>}</button> : column.header}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody ref={body}>
          {shown.map((row) => (
            <tr
              key={row.id} data-row={row.id} data-link={onOpen ? "true" : undefined} data-active={row.id === cursor || row.id === activeId || undefined} data-stale={stale?.(row.original) || undefined}
              onClick={(event) => { if (!(event.target as HTMLElement).closest("a, button, input")) { setCursor(row.id); onOpen?.(row.original); } }}
            >
              {onSelect && <td className="l"><input type="checkbox" aria-label={`Select ${row.id}`} checked={row.getIsSelected()} onChange={() => row.toggleSelected()} /></td>}
              {columns.map((column) => <td key={column.id} className={cx(column.left && "l", column.hidePhone && "hide-phone", column.wrap && "wrap")}>{column.cell(row.original)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
