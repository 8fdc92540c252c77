resource "aws_db_subnet_group" "this" {
  name       = "${var.name}-db"
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name_prefix = "${var.name}-db-"
  family      = "postgres${split(".", var.settings.engine_version)[0]}"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  parameter {
    name  = "log_statement"
    value = "ddl"
  }
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
  parameter {
    name  = "log_lock_waits"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

data "aws_iam_policy_document" "monitoring_assume" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-db-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_assume.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

# Created before the database, which would create them without a key and without a retention.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:the retention is chosen for each environment; production keeps a year
  for_each          = toset(["postgresql", "upgrade"])
  name              = "/aws/rds/instance/${var.name}-db/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.key_arns.logs
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:one zone is a choice of the development environment; checks.tf refuses it in production
  #checkov:skip=CKV_AWS_293:protection is a choice; checks.tf refuses a production without it
  identifier     = "${var.name}-db"
  engine         = "postgres"
  engine_version = var.settings.engine_version
  instance_class = var.settings.instance_class

  allocated_storage     = var.settings.storage_gb
  max_allocated_storage = var.settings.storage_gb_max
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.key_arns.data

  db_name                             = "codesync"
  username                            = "codesync_admin"
  port                                = var.port
  manage_master_user_password         = true
  master_user_secret_kms_key_id       = var.key_arns.secrets
  iam_database_authentication_enabled = true

  multi_az               = var.settings.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false

  backup_retention_period   = var.settings.backup_days
  backup_window             = "02:00-03:00"
  maintenance_window        = "sun:04:00-sun:05:00"
  copy_tags_to_snapshot     = true
  deletion_protection       = var.settings.protected
  skip_final_snapshot       = !var.settings.protected
  final_snapshot_identifier = "${var.name}-final-snapshot"
  delete_automated_backups  = !var.settings.protected

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.key_arns.data
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy_attachment.monitoring]
}
