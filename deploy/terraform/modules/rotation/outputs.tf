output "state_machine_arn" {
  description = "The state machine that renews the database's password and restarts the tasks."
  value       = aws_sfn_state_machine.this.arn
}
