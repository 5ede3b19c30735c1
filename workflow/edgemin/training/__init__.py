"""The one training loop, for the teacher, distillation and recovery alike."""
