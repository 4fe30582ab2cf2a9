// Viseme
