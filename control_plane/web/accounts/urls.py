"""Paths of accounts."""

from django.urls import path

from control_plane.web.accounts import views

urlpatterns = [
    path("sign-in", views.sign_in, name="sign-in"),
    path("sign-out", views.sign_out, name="sign-out"),
    path("settings/password", views.change_password, name="change-password"),
    path("settings/theme", views.set_theme, name="set-theme"),
]
