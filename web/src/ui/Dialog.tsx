import { useEffect, useId, useRef, type CSSProperties, type ReactNode } from "react";
import { cx } from "~/lib/cx";
import { Button } from "./Button";
import { Icon } from "./Icon";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: ReactNode;
  note?: ReactNode;
  children: ReactNode;
  foot?: ReactNode;
  width?: number;
  drawer?: boolean;
  className?: string;
}

/** The platform's own modal: top layer, focus kept inside, Escape closes, and no injected style. */
export function Dialog({ open, onClose, title, note, children, foot, width = 560, drawer, className }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    if (open && !dialog.open) {
      dialog.showModal();
      // Focus goes to the part that asks for it, else rests on the dialog, not on its close button.
      (dialog.querySelector<HTMLElement>("[data-autofocus]") ?? dialog).focus();
    }
    if (!open && dialog.open) dialog.close();
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={ref}
      tabIndex={-1}
      className={cx("dialog", drawer && "drawer", className)}
      style={{ "--dialog-width": `${width}px` } as CSSProperties}
      aria-labelledby={id}
      onClose={onClose}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === ref.current && onClose()}
    >
      <div className="dialog-head">
        <h2 id={id}>{title}</h2>
        {note && <span className="text-11 text-muted">{note}</span>}
        <Button look="quiet" icon small className="ml-auto" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </Button>
      </div>
      <div className="dialog-body">{children}</div>
      {foot && <div className="dialog-foot">{foot}</div>}
    </dialog>
  );
}
