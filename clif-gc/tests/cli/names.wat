;; Functions go by their name in the name section, else by that of an export; names do no harm.
;; RUN: verify % --target x86_64 --collector copying --format json
(module
  (import "host" "f" (func $imported))
  (func $named (export "exported") (call $imported))
  (func (export "only-exported"))
  (func (@name "\1b[31mred\07"))
  (func))
