/* The acts that the audit knows, to choose from. `satisfies` makes one that the API adds an error here. */
import type { AuditRecord } from "./types";

export const auditActs = {
  "identity:session:open": true, "identity:session:close": true, "identity:link:create": true, "identity:token:create": true,
  "identity:token:revoke": true, "identity:step-up:create": true, "identity:step-up:use": true, "desired:config:create": true,
  "desired:config:apply": true, "desired:config:rollback": true, "desired:config:propose": true, "desired:config:wait": true,
  "desired:pending:approve": true, "desired:pending:cancel": true, "desired:pending:supersede": true, "desired:trader:create": true,
  "desired:trader:change": true, "desired:trader:delete": true, "runner:trader:start": true, "runner:trader:pause": true,
  "runner:trader:resume": true, "runner:trader:stop": true, "runner:trader:restart": true, "desired:strategy:activate": true,
  "runner:order:cancel": true, "runner:orders:cancel": true, "runner:position:close": true, "runner:book:flatten": true,
  "runner:halt:set": true, "runner:halt:clear": true, "runner:replay:set": true, "runner:command:send": true,
  "incidents:alert:acknowledge": true, "jobs:job:create": true, "jobs:job:cancel": true, "readmodels:data:export": true,
  "host:act:report": true, "identity:access:refuse": true,
  "stop:kill:send": true, "stop:lift:cancel": true, "stop:drill:run": true,
} satisfies Record<AuditRecord["act"], true>;
