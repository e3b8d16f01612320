import { Kbd } from "~/ui/Bits";
import { Dialog } from "~/ui/Dialog";
import { places } from "./shortcuts";

const general: [string, string][] = [["⌘ K", "Every page and every act (Ctrl K elsewhere)"], ["⇧ K", "Open kill; then hold a step"], ["/", "Search on this page"], ["j k", "Next and previous row"], ["Enter", "Open the row"], ["x", "Select the row"], ["?", "This list"], ["Esc", "Close"]];
export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Keyboard" note="no single key ever acts on the market" width={560}>
      <div className="grid gap-x-8 gap-y-1 text-12 md:grid-cols-2">
        {[general, places.map((place): [string, string] => [`g ${place.key}`, place.label])].map((group, index) => (
          <dl key={index}>
            {group.map(([keys, meaning]) => (
              <div key={keys} className="flex items-center justify-between gap-4 border-b border-line py-1.5"><dt><Kbd keys={keys} /></dt><dd className="text-right text-muted">{meaning}</dd></div>
            ))}
          </dl>
        ))}
      </div>
    </Dialog>
  );
}
