// Head
