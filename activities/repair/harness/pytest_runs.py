def serve_tests(request, emit): pass
